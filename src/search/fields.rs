//! Descriptions of the searchable fields of a resource.

/// A searchable resource. Expressions are SQL over the alias `u` of its table.
#[derive(Debug)]
pub struct Resource {
    /// The fields of a known type.
    pub fields: &'static [Field],
    /// The free-form JSON objects: name and column.
    pub objects: &'static [(&'static str, &'static str)],
    /// The paths of the text fields that a word or phrase without a field searches.
    pub words: &'static [&'static [&'static str]],
}

/// A field of a known type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, split at the dots.
    pub path: &'static [&'static str],
    /// The type of the values.
    pub kind: Kind,
    /// The SQL expression of a value; for [`Kind::Number`] the JSON column that `path` leads into.
    pub value: &'static str,
    /// For a multi-valued field: the set-returning FROM item of `value`.
    pub of: Option<&'static str>,
    /// The columns of `user_terms`, all case-folded. One of them holds the value or a prefix of it.
    pub terms: &'static [&'static str],
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared as written.
    Text,
    /// Text, compared without case.
    FoldedText,
    /// A boolean, as text.
    Boolean,
    /// A JSON number inside the JSON column `value`, at the field's path.
    Number,
    /// A `timestamptz`.
    Date,
    /// A timestamp as text, in the format of [`timestamp`](crate::base::timestamp::timestamp).
    DateText,
    /// Existence only.
    Presence,
}

impl Field {
    /// A field with at most one value.
    pub const fn new(path: &'static [&'static str], kind: Kind, value: &'static str) -> Self {
        Self { path, kind, value, of: None, terms: &[] }
    }

    /// With the columns of `user_terms` that index it.
    pub const fn terms(mut self, terms: &'static [&'static str]) -> Self {
        self.terms = terms;
        self
    }

    /// With any number of values, taken from a FROM item.
    pub const fn of(mut self, of: &'static str) -> Self {
        self.of = Some(of);
        self
    }
}
