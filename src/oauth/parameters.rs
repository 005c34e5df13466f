//! The parameters of a token request. Null counts as absent: Auth0's SDK for Python sends it for unset parameters.

use super::OAuthError;
use crate::base::json::{Object, type_name};

/// The members of the request's body.
pub struct Parameters<'a>(pub(super) &'a Object<'a>);

impl Parameters<'_> {
    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, OAuthError> {
        match self.0.get(name).map(|value| (type_name(value), value)) {
            None | Some(("null", _)) => Ok(None),
            Some(("string", value)) => Ok(serde_json::from_str(value.get()).ok()),
            Some((other, _)) => {
                Err(OAuthError::invalid_request(format!("Parameter {name} must be a string, found {other}")))
            }
        }
    }

    /// A text; an empty one counts as absent.
    pub(super) fn optional(&self, name: &str) -> Result<Option<String>, OAuthError> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A text that is not empty.
    pub(super) fn required(&self, name: &str) -> Result<String, OAuthError> {
        self.optional(name)?.ok_or_else(|| OAuthError::missing(name))
    }

    /// The requested scopes, separated by spaces.
    pub(super) fn scope(&self) -> Result<String, OAuthError> {
        let invalid = || OAuthError::new(400, "invalid_scope", "Scope must be an array or a string");
        match self.0.get("scope").map(|value| (type_name(value), value)) {
            Some(("array", value)) => serde_json::from_str::<Vec<String>>(value.get())
                .map(|scopes| scopes.join(" "))
                .map_err(|_| invalid()),
            Some(("object" | "integer" | "number" | "boolean", _)) => Err(invalid()),
            _ => Ok(self.text("scope")?.unwrap_or_default()),
        }
    }
}
