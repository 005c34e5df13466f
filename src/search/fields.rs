//! What can be searched for: the fields of a resource, as data.

/// A resource that can be searched. Expressions are SQL over an alias `u` of its table.
#[derive(Debug)]
pub struct Resource {
    /// Its fields of a known type.
    pub fields: &'static [Field],
    /// Its objects of any shape: name and column.
    pub objects: &'static [(&'static str, &'static str)],
    /// The fields that bare words and phrases look at; all of them texts.
    pub words: &'static [&'static [&'static str]],
}

/// A field of a known type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, split at the dots.
    pub path: &'static [&'static str],
    /// What its values are.
    pub kind: Kind,
    /// A value.
    pub value: &'static str,
    /// Where there can be several: what `value` is taken from.
    pub of: Option<&'static str>,
    /// The columns of `user_terms` of which one holds the value or begins with it, all folded.
    pub terms: &'static [&'static str],
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Texts.
    Text,
    /// Texts, compared without regard to case.
    FoldedText,
    /// Truth values, as texts.
    Boolean,
    /// A JSON number: the value is the document, the path leads to it.
    Number,
    /// Times.
    Date,
    /// Times, as texts in the form documents show them in.
    DateText,
    /// Only whether it is there.
    Presence,
}

impl Field {
    /// A field with one value or none.
    pub const fn new(path: &'static [&'static str], kind: Kind, value: &'static str) -> Self {
        Self { path, kind, value, of: None, terms: &[] }
    }

    /// The same, with indexes.
    pub const fn terms(mut self, terms: &'static [&'static str]) -> Self {
        self.terms = terms;
        self
    }

    /// The same with any number of values.
    pub const fn of(mut self, of: &'static str) -> Self {
        self.of = Some(of);
        self
    }
}
