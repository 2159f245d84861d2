mod reading;
mod writing;

use serde_json::{Value, json};

const READ: &str = "User.Read.All GroupMember.Read.All Directory.Read.All";
const WRITE: &str = "User.ReadWrite.All User.RevokeSessions.All";

fn denied() -> (u16, String, String) {
    (
        403,
        "Authorization_RequestDenied".to_owned(),
        "Insufficient privileges to complete the operation.".to_owned(),
    )
}

fn bad(message: &str) -> (u16, String, String) {
    (400, "Request_BadRequest".to_owned(), message.to_owned())
}

fn unsupported(message: &str) -> (u16, String, String) {
    (400, "Request_UnsupportedQuery".to_owned(), message.to_owned())
}

fn gone(id: impl std::fmt::Display) -> (u16, String, String) {
    let message = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not \
         present."
    );
    (404, "Request_ResourceNotFound".to_owned(), message)
}

fn reference(id: impl std::fmt::Display) -> Value {
    json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/users/{id}")})
}
