use serde::{Deserialize, Serialize};

/// The properties of a person that `entra.user.update` may change (Graph page "Update user"). What
/// is not here is refused: above all `userPrincipalName`, `accountEnabled` and `passwordProfile`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Graph's names")]
pub enum Property {
    DisplayName,
    GivenName,
    Surname,
    JobTitle,
    Department,
    CompanyName,
    OfficeLocation,
    EmployeeId,
    StreetAddress,
    City,
    State,
    PostalCode,
    Country,
    PreferredLanguage,
    UsageLocation,
    MobilePhone,
    BusinessPhones,
    OtherMails,
}

impl Property {
    /// Every property, in the order of the catalog.
    pub const ALL: [Self; 18] = [
        Self::DisplayName,
        Self::GivenName,
        Self::Surname,
        Self::JobTitle,
        Self::Department,
        Self::CompanyName,
        Self::OfficeLocation,
        Self::EmployeeId,
        Self::StreetAddress,
        Self::City,
        Self::State,
        Self::PostalCode,
        Self::Country,
        Self::PreferredLanguage,
        Self::UsageLocation,
        Self::MobilePhone,
        Self::BusinessPhones,
        Self::OtherMails,
    ];

    /// Its name in Graph.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DisplayName => "displayName",
            Self::GivenName => "givenName",
            Self::Surname => "surname",
            Self::JobTitle => "jobTitle",
            Self::Department => "department",
            Self::CompanyName => "companyName",
            Self::OfficeLocation => "officeLocation",
            Self::EmployeeId => "employeeId",
            Self::StreetAddress => "streetAddress",
            Self::City => "city",
            Self::State => "state",
            Self::PostalCode => "postalCode",
            Self::Country => "country",
            Self::PreferredLanguage => "preferredLanguage",
            Self::UsageLocation => "usageLocation",
            Self::MobilePhone => "mobilePhone",
            Self::BusinessPhones => "businessPhones",
            Self::OtherMails => "otherMails",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::DisplayName => "display name",
            Self::GivenName => "first name",
            Self::Surname => "last name",
            Self::JobTitle => "job title",
            Self::Department => "department",
            Self::CompanyName => "company name",
            Self::OfficeLocation => "office location",
            Self::EmployeeId => "employee id",
            Self::StreetAddress => "street address",
            Self::City => "city",
            Self::State => "state",
            Self::PostalCode => "postal code",
            Self::Country => "country",
            Self::PreferredLanguage => "preferred language",
            Self::UsageLocation => "usage location",
            Self::MobilePhone => "mobile phone",
            Self::BusinessPhones => "business phone",
            Self::OtherMails => "other mail address",
        }
    }

    /// Whether self-service password reset may send codes to it, so that whoever sets it can become
    /// the person (Graph page "Update user").
    #[must_use]
    pub const fn is_credential(self) -> bool {
        matches!(self, Self::MobilePhone | Self::BusinessPhones | Self::OtherMails)
    }

    /// Whether Graph keeps a list of it; we keep one entry.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::BusinessPhones | Self::OtherMails)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_propertys_json_is_its_name_in_graph() {
        for property in Property::ALL {
            assert_eq!(serde_json::to_value(property).unwrap(), property.name());
        }
    }
}
