//! A field of a PATCH: left out, set to null, or set to a value. The three mean different things in Auth0's API.

/// One field of a PATCH body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The body does not have the field: what is stored stays.
    #[default]
    Absent,
    /// The field is `null`: what is stored goes.
    Null,
    /// The field has a value: it replaces or merges into what is stored.
    Set(T),
}

impl<T> Patch<T> {
    /// Is there anything to do?
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if there is one.
    pub fn set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The same with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Set(value) => Patch::Set(f(value)),
        }
    }
}
