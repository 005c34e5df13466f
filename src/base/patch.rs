//! A field of a PATCH body: absent, null or set. Auth0's API distinguishes the three.

/// One field of a PATCH body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The body does not have the field: the stored value is unchanged.
    #[default]
    Absent,
    /// The field is `null`: the stored value is removed.
    Null,
    /// The field has a value, which replaces or merges into the stored value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the body does not have the field.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value of a set field.
    pub fn set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Maps the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Set(value) => Patch::Set(f(value)),
        }
    }
}
