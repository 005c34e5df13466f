//! The filters of a list of clients.

use crate::base::error::Result;
use crate::base::schema::{Part, Violation, validation_error};

/// The clients that a list has.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of these types only.
    pub app_types: Option<Vec<String>>,
    /// The global client alone, or all others.
    pub is_global: bool,
    /// First parties or third parties only.
    pub is_first_party: Option<bool>,
    /// The client with this id elsewhere.
    pub external_client_id: Option<String>,
    /// Clients with such a client grant only; excludes the other filters.
    pub granted: Option<Granted>,
}

/// A property of a client grant, in the `q` of a list.
#[derive(Debug, PartialEq, Eq)]
pub enum Granted {
    /// The grant is associated with this organization.
    Organization(String),
    /// The grant allows any organization.
    AnyOrganization,
}

impl Granted {
    /// Parses the two queries that Auth0 documents
    /// (<https://auth0.com/docs/api/management/v2/clients/get-clients>).
    pub fn parse(q: &str) -> Result<Self> {
        let is_organization =
            |id: &str| id.starts_with("org_") && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match q.trim().split_once(':') {
            Some(("client_grant.organization_id", id)) if is_organization(id.trim_matches('"')) => {
                Ok(Self::Organization(id.trim_matches('"').to_owned()))
            }
            Some(("client_grant.allow_any_organization", "true")) => Ok(Self::AnyOrganization),
            _ => {
                let reason = "Only client_grant.organization_id:{organization_id} and client_grant.allow_any_organization:true are supported";
                Err(validation_error(
                    Part::Query,
                    &[Violation::of("q", "Advanced Query in Lucene syntax", reason)],
                ))
            }
        }
    }
}
