//! What a failed request means for the action, in words for the requester.

use subtwin_act::SendError;
use subtwin_kernel::Secret;

use super::form::Form;
use crate::graph::{GraphError, Refused};
use crate::token::TokenError;

/// A no that did not come from Graph.
pub(super) fn local(code: &str, reason: &str) -> SendError {
    SendError::Refused { code: code.to_owned(), reason: reason.to_owned() }
}

pub(super) fn told(error: GraphError, form: Form, password: Option<&Secret>) -> SendError {
    match error {
        GraphError::Refused { refused, .. } => refusal(&refused, form, password),
        GraphError::Busy { after, .. } => SendError::Busy { after },
        // Nothing left this machine.
        GraphError::NotSent { .. } => SendError::Busy { after: None },
        GraphError::NoToken { cause, .. } => match &*cause {
            TokenError::Unavailable { after, .. } => SendError::Busy { after: *after },
            refused => SendError::Refused {
                code: "no-token".to_owned(),
                reason: format!(
                    "I could not sign in to the directory, so nothing happened: {}.",
                    std::error::Error::source(refused).unwrap_or(refused)
                ),
            },
        },
        unknown @ GraphError::Unknown { .. } => SendError::Unknown { cause: unknown.into() },
    }
}

fn refusal(refused: &Refused, form: Form, password: Option<&Secret>) -> SendError {
    let message = match password {
        // A message may repeat what it complains about.
        Some(password) => refused.message.replace(password.expose(), "…"),
        None => refused.message.clone(),
    };
    if is_already_so(refused.status, &message, form) {
        return SendError::AlreadySo;
    }
    let reason = match known(&message, form) {
        Some(reason) => reason.to_owned(),
        None => match refused.status {
            404 => {
                "The directory does not know one of the things this is about any more.".to_owned()
            }
            403 => format!(
                "The directory does not let me. I need {}, or the target is protected.",
                form.requirement()
            ),
            401 => "The directory does not accept my sign-in any more; an administrator must \
                    renew it."
                .to_owned(),
            _ => format!("The directory said no: {message}"),
        },
    };
    let code = match password {
        Some(password) => refused.code.replace(password.expose(), "…"),
        None => refused.code.clone(),
    };
    SendError::Refused { code, reason }
}

fn is_already_so(status: u16, message: &str, form: Form) -> bool {
    let says = |part: &str| message.contains(part);
    match form {
        Form::MemberAdd => status == 400 && says("object references already exist"),
        Form::MemberRemove => {
            status == 404 || (status == 400 && says("object references do not exist"))
        }
        Form::LicenceRemove => status == 400 && says("not have a corresponding license"),
        Form::MethodRemove(_) | Form::ManagerRemove => status == 404,
        Form::LicenceAdd
        | Form::Revoke
        | Form::Account
        | Form::Password
        | Form::PasswordBack
        | Form::Pass
        | Form::Profile
        | Form::Contact
        | Form::ManagerSet => false,
    }
}

/// What Graph's messages mean, as far as we know them. The first that fits counts.
fn known(message: &str, form: Form) -> Option<&'static str> {
    let lower = message.to_lowercase();
    let says = |part: &str| lower.contains(part);
    let licence = matches!(form, Form::LicenceAdd | Form::LicenceRemove);
    let pass = form == Form::Pass;
    Some(if says("invalid usage location") {
        "The person has no usage location; an administrator must set it first."
    } else if says("any available licenses") || says("countviolation") {
        "No seat is free any more; free one or buy another."
    } else if says("inherited from a group") {
        "The licence comes from a group; remove the person from the group instead."
    } else if licence
        && (says("mutually exclusive") || says("mutuallyexclusive") || says("conflict"))
    {
        "A service in it cannot stand beside one that the person has already, from another \
         licence. Take that one away first."
    } else if licence && (says("dependency") || says("depends on")) {
        "A service in it needs another one that the person does not have, or the other way round."
    } else if licence && says("prohibitedinusagelocation") {
        "The product may not be given in the person's usage location."
    } else if says("on-premises mastered") {
        "It is managed in the on-premises directory and must be changed there."
    } else if says("at least one owner") {
        "That person is the group's last owner, and a group must keep one. Name another owner \
         first."
    } else if says("password complexity") || says("does not comply with password") {
        "The directory found the new password too weak for the rules here. An administrator can \
         tell which rules these are."
    } else if says("used before") || says("password history") {
        "The directory says that this password was used before. Please ask me again for another \
         one."
    } else if says("default authentication method") || says("default method") {
        "It is the default method, which cannot be removed while there are others. Please ask me \
         again once they are gone."
    } else if pass && says("already") {
        "There is an access pass already that has not been used up, and nobody can have two."
    } else if pass && says("policy") && says("enabled") {
        "Access passes are switched off for this person by the authentication methods policy."
    } else if pass && says("lifetime") {
        "The policy for access passes does not allow that lifetime."
    } else if pass && says("one-time") {
        "The policy for access passes allows only those that work once."
    } else if pass && says("guest") {
        "A guest cannot have an access pass."
    } else if says("last") && says("global administrator") {
        "This is the last Global Administrator who can sign in."
    } else if says("invalid value specified") && matches!(form, Form::Profile | Form::Contact) {
        "The directory does not take that value for the profile."
    } else {
        return None;
    })
}
