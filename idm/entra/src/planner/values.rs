//! What a property of a profile may be set to (Graph page "user resource type").

use subtwin_confirm::Refusal;
use subtwin_kernel::Property;
use subtwin_kernel::names::{is_hidden, shown};

use super::impossible;

/// A value in the one spelling in which it is set; empty clears the property.
pub(super) fn checked(property: Property, value: &str) -> Result<String, Refusal> {
    let value = value.trim();
    let bad = |why: &str| {
        impossible(
            "bad-value",
            format!("“{}” is no {} that I can set: {why}.", shown(value), property.words()),
        )
    };
    if value.is_empty() {
        return match property {
            Property::DisplayName | Property::UsageLocation => {
                Err(impossible("bad-value", format!("The {} cannot be empty.", property.words())))
            }
            _ => Ok(String::new()),
        };
    }
    if value.chars().any(|c| c.is_control() || is_hidden(c)) {
        return Err(bad("it holds characters that cannot be seen"));
    }
    let longest = longest(property);
    if value.chars().count() > longest {
        return Err(bad(&format!("it may have {longest} characters at most")));
    }
    match property {
        Property::UsageLocation => {
            let code = value.to_ascii_uppercase();
            // As whole words, so that "SU" is not found between "US" and "UY".
            if COUNTRIES.split(' ').any(|known| known == code) {
                Ok(code)
            } else {
                Err(bad("it must be a country's two letters, such as US or GB (ISO 3166-1)"))
            }
        }
        Property::MobilePhone if !is_phone(value) || !value.starts_with('+') => {
            Err(bad("it must be a number with its country code, such as +1 425 555 0100 (E.164)"))
        }
        Property::BusinessPhones if !is_phone(value) => {
            Err(bad("it must be a phone number, such as +1 425 555 0100"))
        }
        Property::OtherMails if !is_mail(value) => {
            Err(bad("it must be a mail address, such as name@example.com"))
        }
        Property::PreferredLanguage if !is_language(value) => {
            Err(bad("it must be a language code, such as en or en-GB (ISO 639-1)"))
        }
        _ => Ok(value.to_owned()),
    }
}

/// In characters.
const fn longest(property: Property) -> usize {
    match property {
        Property::DisplayName | Property::OtherMails => 256,
        Property::JobTitle
        | Property::OfficeLocation
        | Property::City
        | Property::State
        | Property::Country => 128,
        Property::GivenName
        | Property::Surname
        | Property::Department
        | Property::CompanyName
        | Property::PreferredLanguage
        | Property::MobilePhone
        | Property::BusinessPhones => 64,
        Property::PostalCode => 40,
        Property::EmployeeId => 16,
        Property::StreetAddress => 1024,
        Property::UsageLocation => 2,
    }
}

/// Up to 15 digits (ITU-T E.164), spaced as people do.
fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let rest = text.strip_prefix('+').unwrap_or(text);
    (5..=15).contains(&digits)
        && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')'))
}

/// The parts of RFC 5321 that real addresses use.
fn is_mail(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    let label_fits = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    !local.is_empty()
        && local.len() <= 64
        && local.split('.').all(|part| !part.is_empty())
        && local.chars().all(local_fits)
        && domain.contains('.')
        && domain.split('.').all(label_fits)
}

fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.chars().all(|c| c.is_ascii_lowercase())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
        })
}

/// ISO 3166-1 alpha-2, officially assigned.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ \
     BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ \
     DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP \
     GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI \
     KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP \
     MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
     PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX \
     SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU \
     WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    fn set(property: Property, value: &str) -> Option<String> {
        checked(property, value).ok()
    }

    #[test]
    fn a_value_is_set_in_its_one_spelling() {
        for (property, value, expected) in [
            (Property::JobTitle, " Analyst ", "Analyst"),
            (Property::UsageLocation, "gb", "GB"),
            (Property::MobilePhone, "+1 (425) 555-0100", "+1 (425) 555-0100"),
            (Property::BusinessPhones, "425 555 0100", "425 555 0100"),
            (
                Property::OtherMails,
                "sarah.o'neil+x@mail.example.com",
                "sarah.o'neil+x@mail.example.com",
            ),
            (Property::PreferredLanguage, "pt-BR", "pt-BR"),
            (Property::Department, "", ""),
        ] {
            assert_eq!(set(property, value).as_deref(), Some(expected), "{property:?} {value}");
        }
        assert_eq!(COUNTRIES.split(' ').filter(|code| code.len() == 2).count(), 249);
    }

    #[test]
    fn what_graph_would_refuse_or_nobody_could_read_is_refused() {
        let long = "x".repeat(129);
        for (property, value) in [
            (Property::DisplayName, " "),
            (Property::UsageLocation, ""),
            (Property::UsageLocation, "UK"),
            (Property::UsageLocation, "United Kingdom"),
            (Property::JobTitle, long.as_str()),
            (Property::JobTitle, "Ana\u{202e}lyst"),
            (Property::DisplayName, "Sarah\nLin"),
            (Property::EmployeeId, "12345678901234567"),
            (Property::MobilePhone, "0171 1234567"),
            (Property::MobilePhone, "+1 call me"),
            (Property::BusinessPhones, "12"),
            (Property::OtherMails, "sarah"),
            (Property::OtherMails, "sarah@localhost"),
            (Property::OtherMails, "sarah@exa mple.com"),
            (Property::OtherMails, ".sarah@example.com"),
            (Property::PreferredLanguage, "English"),
        ] {
            assert_eq!(set(property, value), None, "{property:?} {value}");
        }
    }
}
