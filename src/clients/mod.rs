//! Clients: the applications of a tenant. They are provisioned from tenant files; the token endpoint reads them.

pub mod model;
