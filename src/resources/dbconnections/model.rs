//! The bodies of requests, the answer to a signup, and error responses.

use serde_json::{Map, Value, json};

use crate::base::error::{Error, codes};
use crate::base::json::{Object, type_name};
use crate::base::metadata;
use crate::base::passwords::Report;
use crate::base::schema::{Field, Format, Kind, Part, Schema, Text, is_email, reject};
use crate::resources::users::attributes::{self, Request};
use crate::resources::users::model::{NewUser, User};

// Without `user_metadata`, whose error responses have another shape.
static SIGNUP: Schema = Schema::open(&SIGNUP_FIELDS);
static SIGNUP_FIELDS: [Field; 3 + attributes::count(Request::Signup)] = attributes::fields(
    Request::Signup,
    &[
        Field::new(
            "client_id",
            Kind::Text(Text::between(1, 64)),
            "The client that the person signs up through",
        )
        .nullable(),
        Field::new("connection", Kind::Text(Text::between(1, 128)), "The name of the connection").nullable(),
        Field::new("password", Kind::Text(Text::ANY), "The user's password").nullable(),
    ],
);

/// Limits of `user_metadata` (<https://auth0.com/docs/api/authentication/signup/create-a-new-user>).
const MAX_FIELDS: usize = 10;
const MAX_NAME_LENGTH: usize = 100;
const MAX_VALUE_LENGTH: usize = 500;

/// The body of `POST /dbconnections/signup`.
#[derive(Debug)]
pub struct Signup {
    pub client_id: String,
    pub new: NewUser,
}

impl Signup {
    pub fn read(body: &Object<'_>) -> Result<Self, SignupError> {
        reject(Part::Payload, &SIGNUP.violations(body))?;
        let required = |name| {
            body.value::<String>(name).filter(|v| !v.is_empty()).ok_or_else(|| SignupError::missing(name))
        };
        let (client_id, connection) = (required("client_id")?, required("connection")?);
        // An empty password is not missing but too weak, and the answer then contains the policy.
        let password = body.value::<String>("password").ok_or_else(|| SignupError::missing("password"))?;
        let lower = |name| body.value::<String>(name).map(|text| text.to_lowercase());
        let attributes = attributes::given(Request::Signup)
            .filter_map(|name| Some((name.to_owned(), body.value::<Value>(name)?)))
            .collect();
        Ok(Self {
            client_id,
            new: NewUser::of_person(
                connection,
                password,
                (lower("email"), lower("username"), body.value("phone_number")),
                attributes,
                user_metadata(body)?,
            ),
        })
    }
}

fn user_metadata(body: &Object<'_>) -> Result<Option<String>, SignupError> {
    let Some(value) = body.get("user_metadata").filter(|value| type_name(value) != "null") else {
        return Ok(None);
    };
    let invalid = |reason: String| Err(SignupError::of_metadata(&format!("invalid user_metadata{reason}")));
    let Some(fields) = Object::of(value) else { return invalid(" type (expected object)".into()) };
    if fields.members().count() > MAX_FIELDS {
        return invalid(format!(" (at most {MAX_FIELDS} fields are allowed)"));
    }
    for (name, value) in fields.members() {
        let shown: String = name.chars().take(MAX_NAME_LENGTH).collect();
        let Ok(text) = serde_json::from_str::<String>(value.get()) else {
            return invalid(format!(".{shown} type (only strings are allowed)"));
        };
        if name.chars().count() > MAX_NAME_LENGTH {
            return invalid(format!(".{shown} name (at most {MAX_NAME_LENGTH} characters are allowed)"));
        }
        if text.chars().count() > MAX_VALUE_LENGTH {
            return invalid(format!(".{shown} length (at most {MAX_VALUE_LENGTH} characters are allowed)"));
        }
    }
    if !metadata::violations(body, "user_metadata").is_empty() {
        return invalid(" name (. and $ are not allowed)".into());
    }
    Ok(Some(value.get().to_owned()))
}

/// The document that answers a signup.
pub fn answer(user: &User) -> Result<Value, Error> {
    let mut answer: Map<String, Value> = serde_json::from_str(&user.profile).map_err(Error::internal)?;
    if !answer.contains_key("email") {
        answer.remove("email_verified");
    }
    if let Some(metadata) = &user.user_metadata {
        answer.insert("user_metadata".into(), serde_json::from_str(metadata).map_err(Error::internal)?);
    }
    let id = user.user_id.split_once('|').map_or("", |(_, id)| id);
    answer.insert("_id".into(), json!(id));
    Ok(answer.into())
}

/// The body of `POST /dbconnections/change_password`.
#[derive(Debug)]
pub struct PasswordChange {
    /// Lower case.
    pub email: String,
    /// The name of the connection.
    pub connection: String,
}

impl PasswordChange {
    pub fn read(body: &Object<'_>) -> Result<Self, SignupError> {
        let text = |name: &str| match body.get(name).map(|value| (type_name(value), value)) {
            None | Some(("null", _)) => Ok(None),
            Some(("string", value)) => Ok(serde_json::from_str::<String>(value.get()).ok()),
            Some(_) => Err(SignupError::invalid(format!("{name} must be a string"))),
        };
        let required = |name: &str| {
            let given = text(name)?.filter(|text| !text.is_empty());
            given.ok_or_else(|| SignupError::invalid(format!("{name} is required")))
        };
        text("organization")?;
        if text("client_id")?.is_some_and(|id| !Format::ClientId.matches(&id)) {
            return Err(SignupError::invalid("client_id is not the id of a client"));
        }
        let (email, connection) = (required("email")?.to_lowercase(), required("connection")?);
        if !is_email(&email) {
            return Err(SignupError::invalid("email is not an email address"));
        }
        Ok(Self { email, connection })
    }
}

/// An error response to a signup or to a request for a new password.
#[derive(Debug)]
pub struct SignupError {
    /// The HTTP status.
    pub status: u16,
    pub body: Box<Value>,
    /// For the log.
    pub cause: Option<String>,
}

impl SignupError {
    fn new(code: &str, description: &str) -> Self {
        Self::with(json!({
            "name": "BadRequestError", "code": code, "description": description, "statusCode": 400,
        }))
    }

    fn with(body: Value) -> Self {
        Self { status: 400, body: Box::new(body), cause: None }
    }

    pub(super) fn invalid_signup() -> Self {
        Self::new("invalid_signup", "Invalid sign up")
    }

    pub(super) fn invalid_connection() -> Self {
        Self::new("invalid_connection", "The connection does not exist.")
    }

    pub(super) fn invalid(description: impl AsRef<str>) -> Self {
        Self::new("invalid_request", description.as_ref())
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::invalid(format!("Missing required field: {name}"))
    }

    fn of_metadata(error: &str) -> Self {
        Self::with(json!({ "error": error }))
    }

    pub(super) fn weak_password(report: &Report) -> Self {
        Self::with(json!({
            "name": "PasswordStrengthError",
            "message": "Password is too weak",
            "code": "invalid_password",
            "description": report,
            "policy": report.text(),
            "statusCode": 400,
        }))
    }
}

impl From<Error> for SignupError {
    fn from(error: Error) -> Self {
        let status = error.kind.status;
        let error_response = match error.kind {
            codes::USER_EXISTS => Self::new("user_exists", "The user already exists."),
            codes::USERNAME_IN_USE => Self::new("username_exists", codes::USERNAME_IN_USE.message),
            codes::TOO_MANY_REQUESTS => {
                let mut limited = Self::new("too_many_requests", &error.message);
                (limited.status, limited.body["statusCode"]) = (status, json!(status));
                limited.body["name"] = json!("TooManyRequestsError");
                limited
            }
            _ if matches!(status, 408 | 413 | 415) => {
                let mut invalid = Self::invalid(&error.message);
                (invalid.status, invalid.body["statusCode"]) = (status, json!(status));
                invalid
            }
            _ if status < 500 => Self::invalid(&error.message),
            _ => Self {
                status,
                body: Box::new(json!({
                    "name": "InternalError", "code": "server_error", "description": error.message, "statusCode": status,
                })),
                cause: None,
            },
        };
        Self { cause: error.cause, ..error_response }
    }
}

impl std::fmt::Display for SignupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.body)
    }
}
