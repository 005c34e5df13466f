//! The `fields` and `include_fields` parameters of the Management API.

/// The selection of a document's root fields.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    names: Option<Vec<String>>,
    exclude: bool,
}

impl Fields {
    /// From the values of `fields` (comma separated) and `include_fields`.
    pub fn new(fields: Option<&str>, include: bool) -> Self {
        let names: Vec<String> = fields
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .map(str::to_owned)
            .collect();
        Self { exclude: !include, names: (!names.is_empty()).then_some(names) }
    }

    /// Whether the response contains all fields but the named ones.
    pub fn exclude(&self) -> bool {
        self.exclude
    }

    /// Whether the response contains the field.
    pub fn wants(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.iter().any(|n| n == name) != self.exclude)
    }
}
