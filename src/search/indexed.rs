//! Metadata paths that have their own index.

use serde::{Deserialize, Serialize};

/// A path below `user_metadata` or `app_metadata` that can have its own index: at most ten keys of letters,
/// digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IndexedPath {
    /// The path as configured, such as `app_metadata.plan`.
    pub path: String,
    /// `user_metadata` or `app_metadata`.
    pub object: String,
    /// The keys below the object.
    pub keys: Vec<String>,
}

impl TryFrom<String> for IndexedPath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        Self::parse(&path).ok_or_else(|| format!("{path} cannot be indexed"))
    }
}

impl From<IndexedPath> for String {
    fn from(indexed: IndexedPath) -> Self {
        indexed.path
    }
}

impl IndexedPath {
    /// Parses a path such as `app_metadata.plan`; `None` if it cannot be indexed.
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

    /// Whether it is the path of these keys in a column.
    pub(crate) fn is_path_of(&self, column: &str, keys: &[String]) -> bool {
        column.strip_prefix("u.") == Some(&*self.object) && self.keys == keys
    }
}
