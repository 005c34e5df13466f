//! Paths of metadata with an index of their own.

use serde::{Deserialize, Serialize};

/// A path that can be indexed: of `user_metadata` or `app_metadata`, with keys of letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Indexed {
    /// As it is written.
    pub path: String,
    /// `user_metadata` or `app_metadata`.
    pub object: String,
    /// The keys below it.
    pub keys: Vec<String>,
}

impl TryFrom<String> for Indexed {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        Self::parse(&path).ok_or_else(|| format!("{path} cannot be indexed"))
    }
}

impl From<Indexed> for String {
    fn from(indexed: Indexed) -> Self {
        indexed.path
    }
}

impl Indexed {
    /// Reads `app_metadata.plan`.
    pub fn parse(path: &str) -> Option<Self> {
        let (object, keys) = path.split_once('.')?;
        let is_key = |key: &str| {
            (1..=63).contains(&key.len())
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        let keys: Vec<String> = keys.split('.').map(str::to_owned).collect();
        let known = ["user_metadata", "app_metadata"].contains(&object);
        (known && keys.len() <= 10 && keys.iter().all(|key| is_key(key))).then(|| Self {
            path: path.to_owned(),
            object: object.to_owned(),
            keys,
        })
    }

    /// Does it lead to these keys of a column?
    pub(crate) fn leads_to(&self, column: &str, keys: &[String]) -> bool {
        column.strip_prefix("u.") == Some(&*self.object) && self.keys == keys
    }
}
