mod client_credentials;
mod discovery;
