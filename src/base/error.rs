//! Errors and their kinds: an HTTP status, Auth0's `errorCode` and a message for the client.
//!
//! One table ([`codes`]) lists every kind, so that each code is spelled once. The log has a second text
//! ([`Error::cause`]), which a response never contains. The module depends neither on actix nor on sqlx.

use std::borrow::Cow;

/// A kind of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorKind {
    /// The HTTP status, 400..=599.
    pub status: u16,
    /// Auth0's stable `errorCode`; some of Auth0's responses have none.
    pub code: Option<&'static str>,
    /// The default message for the client.
    pub message: &'static str,
}

/// The table of error kinds.
pub mod codes {
    use super::ErrorKind;

    macro_rules! error_kinds {
        ($($name:ident = $status:literal, $code:expr, $message:literal;)*) => {
            $(#[allow(clippy::doc_markdown, rustdoc::bare_urls, reason = "the messages of responses, verbatim")]
            #[doc = $message] pub const $name: ErrorKind = ErrorKind { status: $status, code: $code, message: $message };)*
            /// Every kind of error.
            pub const ALL: &[ErrorKind] = &[$($name),*];
        };
    }

    error_kinds! {
        INVALID_JSON = 400, None, "Invalid request payload JSON format";
        MALFORMED_REQUEST = 400, None, "The request is not valid HTTP.";
        INVALID_BODY = 400, Some("invalid_body"), "Payload validation error.";
        INVALID_QUERY = 400, Some("invalid_query_string"), "Query validation error.";
        INVALID_URI = 400, Some("invalid_uri"), "Path validation error.";
        INVALID_HEADER = 400, Some("invalid_header"), "Header validation error.";
        INVALID_PAGING = 400, Some("invalid_paging"), "You can only page through the first 1000 records. See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation";
        BAD_BEARER = 400, Some("Bearer"), "Bad HTTP authentication header format";
        MISSING_AUTHENTICATION = 401, None, "Missing authentication";
        INVALID_TOKEN = 401, None, "Invalid token";
        INVALID_SIGNATURE = 401, None, "Invalid signature received for JSON Web Token validation";
        EXPIRED_TOKEN = 401, None, "Expired token received for JSON Web Token validation";
        INSUFFICIENT_SCOPE = 403, Some("insufficient_scope"), "Insufficient scope";
        NOT_OWN_SUBJECT = 403, Some("insufficient_scope"), "User to be acted on does not match subject in bearer token.";
        FIELDS_BEYOND_SCOPE = 403, Some("insufficient_scope"), "Some fields cannot be updated with the permissions granted by the bearer token scopes";
        NOT_FOUND = 404, None, "Not Found";
        UNKNOWN_HOST = 404, None, "No tenant answers on this host.";
        METHOD_NOT_ALLOWED = 405, None, "Method Not Allowed";
        REQUEST_TIMEOUT = 408, None, "The request's body did not arrive in time.";
        DOCUMENT_TOO_LARGE = 400, Some("invalid_body"), "Payload validation error: 'The document would be larger than 1000000 bytes'.";
        PAYLOAD_TOO_LARGE = 413, None, "Payload content length greater than maximum allowed";
        URI_TOO_LONG = 414, None, "The URL is too long.";
        TOO_MANY_REQUESTS = 429, Some("too_many_requests"), "Global limit has been reached";
        UNSUPPORTED_MEDIA_TYPE = 415, None, "Unsupported Media Type";
        HEADERS_TOO_LARGE = 431, None, "The headers of the request are too large.";
        PRECONDITION_FAILED = 412, Some("precondition_failed"), "The resource was changed since the version named in If-Match. Fetch it again and repeat the change.";
        INTERNAL = 500, None, "An internal server error occurred";
        SEARCH_TIMEOUT = 503, None, "The query exceeded the timeout. Please try refining your search criteria. See https://auth0.com/docs/best-practices/search-best-practices.";
        STUCK = 503, None, "The server does not work any more. Restart it.";
        UNAVAILABLE = 503, None, "The database cannot be reached at the moment. Please try again.";
        OVERLOADED = 503, None, "There are more requests at the moment than can be answered. Please try again.";

        INEXISTENT_JOB = 404, Some("inexistent_job"), "Job not found.";
        INEXISTENT_CLIENT = 400, Some("inexistent_client"), "The client does not exist";
        INEXISTENT_ORGANIZATION = 400, Some("inexistent_organization"), "The organization does not exist";
        INEXISTENT_IDENTITY_CONNECTION = 400, Some("inexistent_connection"), "Identity connection does not exist.";
        IDENTITY_NOT_OF_USER = 400, Some("inexistent_identity"), "The user exists, but does not contain the given identity.";
        CONNECTION_WITHOUT_TICKETS = 400, Some("operation_not_supported"), "The user's main connection does not support this operation.";
        USER_WITHOUT_EMAIL = 400, Some("operation_not_supported"), "The user does not have an email address.";

        INEXISTENT_USER = 404, Some("inexistent_user"), "The user does not exist.";
        USER_EXISTS = 409, Some("auth0_idp_error"), "The user already exists.";
        USERNAME_IN_USE = 400, Some("auth0_idp_error"), "The username provided is in use already.";
        PHONE_IN_USE = 400, Some("auth0_idp_error"), "The phone number provided is in use already.";
        EMAIL_IN_USE = 400, Some("auth0_idp_error"), "The specified new email already exists";
        PASSWORD_TOO_WEAK = 400, Some("invalid_password"), "PasswordStrengthError: Password is too weak";
        INVALID_USERNAME = 400, Some("invalid_body"), "Payload validation error: 'Username does not have a format or length that the connection allows'.";
        INEXISTENT_CONNECTION = 400, Some("inexistent_connection"), "The connection does not exist.";
        UNKNOWN_CONNECTION = 404, Some("inexistent_connection"), "The connection does not exist";
        CONNECTION_EXISTS = 409, Some("connection_conflict"), "A connection with the same name already exists";
        CONNECTION_BEING_DELETED = 409, Some("connection_conflict"), "A connection with the same name is being deleted, try again later";
        DATABASE_AS_REQUESTING_APP = 400, Some("operation_not_supported"), "cross_app_access_requesting_app is not supported by connections of strategy auth0.";
        NON_UNIQUE_EMAIL = 400, Some("invalid_body"), "cannot add non-unique email attribute";
        NO_DATABASE_CONNECTION = 400, Some("operation_not_supported"), "Connection must be a database connection";
        CONNECTION_WITHOUT_USERS = 400, Some("operation_not_supported"), "Connection does not support user creation through the API. It must either be a database or passwordless connection.";
        CONNECTION_DISABLED = 400, Some("operation_not_supported"), "Connection is disabled.";
        CONNECTION_DISABLED_ON_UPDATE = 400, Some("operation_not_supported"), "Cannot change email or password for users in a disabled connection.";
        PATCH_CONNECTION_UNKNOWN = 400, Some("inexistent_connection"), "Connection does not exist.";
        PATCH_CONNECTION_UNSUITABLE = 400, Some("operation_not_supported"), "Connection is not supported for this operation.";
        USERNAME_NOT_SUPPORTED = 400, Some("operation_not_supported"), "Cannot set username for connection without requires_username.";
        PASSWORD_NOT_SUPPORTED = 400, Some("operation_not_supported"), "Cannot set password for a connection that is not a database.";
        USERNAME_NEVER_SET = 400, Some("operation_not_supported"), "Cannot update username for users without an username already set.";
        SECONDARY_ATTRIBUTES = 400, Some("operation_not_supported"), "The following user attributes cannot be updated. The specified connection belongs to a secondary identity.";
        SAME_IDENTITY = 400, Some("operation_not_supported"), "Main identity and the new one are the same.";
        MAIN_IDENTITY = 400, Some("operation_not_supported"), "Main identity cannot be removed.";
        PROVIDER_NOT_CONFIGURED = 400, Some("inexistent_connection"), "The provider/connection is not configured.";
        BLOCKED_SECONDARY = 400, Some("operation_not_supported"), "Unable to link with the secondary account.";
        INEXISTENT_SECONDARY = 400, Some("inexistent_identity"), "Provided secondary account not found.";
        INEXISTENT_IDENTITY = 404, Some("inexistent_identity"), "The identity does not exist.";
        IDENTITY_EXISTS = 409, Some("identity_already_exists"), "Specified identity already exists.";
        INVALID_LINK_TOKEN = 400, Some("invalid_token"), "Invalid token (link_with).";
        NOT_SIMULTANEOUSLY = 400, Some("operation_not_supported"), "Cannot update these attributes simultaneously";

        INEXISTENT_RESOURCE_SERVER = 404, Some("inexistent_resource_server"), "The resource server does not exist";
        RESOURCE_SERVER_EXISTS = 409, Some("resource_server_conflict"), "A resource server with the same identifier already exists.";
        RESERVED_IDENTIFIER = 400, Some("invalid_body"), "The selected identifier is reserved.";
        SYSTEM_RESOURCE_SERVER = 400, Some("operation_not_supported"), "System resource servers cannot be patched.";
        UNKNOWN_CLIENT = 404, Some("inexistent_client"), "The client does not exist";
        CLIENT_ALIAS_EXISTS = 409, Some("client_alias_conflict"), "Another client exists with the same alias.";
        ORGANIZATIONS_OF_THIRD_PARTY = 403, Some("operation_not_supported"), "Organizations are only available to first party clients on user-based flows. Properties organization_usage and organization_require_behavior must be unset for third party clients.";
        GLOBAL_CLIENT = 400, Some("operation_not_supported"), "Global client cannot be deleted.";
        INEXISTENT_CREDENTIAL = 404, Some("inexistent_credential"), "The credential does not exist";
        UNKNOWN_CREDENTIAL = 400, Some("invalid_body"), "Payload validation error: 'Credentials must belong to the client'.";
        INEXISTENT_CLIENT_GRANT = 404, Some("inexistent_client_grant"), "The grant does not exist.";
        CLIENT_GRANT_EXISTS = 409, Some("client_grant_conflict"), "A client grant for this client and resource server already exists.";
        UNKNOWN_ORGANIZATION = 404, None, "No organization found by that id or name";
        ORGANIZATION_EXISTS = 409, None, "An organization with this name already exists.";
        ORGANIZATION_HAS_GRANT = 409, None, "The client grant has already been added to this organization.";
        TOO_MANY_ORGANIZATION_GRANTS = 409, None, "Quota exceeded; cannot add more than 100 client grants to a single organization";
        GRANT_OF_EXPRESS_CONFIGURATION = 400, Some("validation_error"), "A client of type express_configuration cannot have client grants.";
        UNKNOWN_POLICY_API = 400, Some("invalid_body"), "Payload validation error: 'refresh_token.policies name a resource server that does not exist'.";
        SCOPE_BEYOND_API = 400, Some("invalid_body"), "Payload validation error: scope must be a subset of resource server scopes";
        NO_LOGIN_TEMPLATE = 404, None, "The template does not exist.";
        NO_THEME = 404, Some("theme_not_found"), "The theme does not exist.";
        NO_EMAIL_TEMPLATE = 404, Some("inexistent_email_template"), "The template does not exist.";
        NO_EMAIL_PROVIDER = 404, Some("inexistent_email_provider"), "There is not a configured email provider.";
        FIXED_VALUES = 400, Some("operation_not_supported"), "Roster does not have this resource: its values are fixed and cannot be changed.";
        INEXISTENT_ROLE = 404, None, "The role does not exist.";
        INEXISTENT_MEMBER = 404, None, "One or more of the users do not exist.";
        ROLE_EXISTS = 409, None, "The role already exists.";
        TOO_MANY_ENTITIES = 403, Some("too_many_entities"), "You reached the limit of entities of this type for this tenant.";
        TOO_MANY_ROLES = 400, Some("operation_not_supported"), "No more roles can be assigned to this user.";
        INEXISTENT_PERMISSION = 404, Some("inexistent_resource_server_permission"), "This permission does not exist.";
        TOO_MANY_USER_PERMISSIONS = 400, Some("operation_not_supported"), "No more permissions can be assigned to this user.";
        TOO_MANY_ROLE_PERMISSIONS = 400, Some("operation_not_supported"), "No more permissions can be assigned to this role.";
    }
}

impl ErrorKind {
    /// An error of this kind with a more specific message.
    pub fn with_message(self, message: impl Into<Cow<'static, str>>) -> Error {
        Error { message: message.into(), ..Error::from(self) }
    }
}

/// An error, with the texts for the client and for the log.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: ErrorKind,
    /// The message for the client.
    pub message: Cow<'static, str>,
    /// The text for the log, such as the message of the driver. It is never sent to the client.
    pub cause: Option<String>,
    /// The current entity tag of the resource, for a failed precondition.
    pub etag: Option<String>,
}

impl Error {
    /// A failed precondition; `etag` is the current entity tag.
    pub fn precondition_failed(etag: String) -> Self {
        Self { etag: Some(etag), ..codes::PRECONDITION_FAILED.into() }
    }

    /// An internal error. The client gets no details.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::from(codes::INTERNAL) }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, message: kind.message.into(), cause: None, etag: None }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.cause.as_deref().unwrap_or(&self.message))
    }
}

impl std::error::Error for Error {}

/// The result of a service function.
pub type Result<T> = std::result::Result<T, Error>;
