use crate::tenant::User;

/// A membership rule, as far as the sandbox evaluates them: comparisons of `user.` properties with
/// `-eq -ne -startsWith -notStartsWith -contains -notContains`, joined by `-and -or -not` and
/// parentheses (Entra's own syntax; the dash before a joining word is optional there).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
    Not(Box<Rule>),
    Test { property: Property, operator: Operator, value: Value },
}

/// Not a rule that the sandbox can evaluate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("membership rule: {0}")]
pub(crate) struct BadRule(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Property {
    AccountEnabled,
    City,
    CompanyName,
    Country,
    Department,
    DirSyncEnabled,
    DisplayName,
    EmployeeId,
    GivenName,
    JobTitle,
    Mail,
    ObjectId,
    OfficeLocation,
    PreferredLanguage,
    Surname,
    UsageLocation,
    UserPrincipalName,
    UserType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    StartsWith,
    NotStartsWith,
    Contains,
    NotContains,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Flag(bool),
    Null,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// When it is not a rule or uses something the sandbox does not evaluate.
    pub(crate) fn parse(text: &str) -> Result<Self, BadRule> {
        if text.len() > LONGEST {
            return Err(BadRule(format!("longer than {LONGEST} characters")));
        }
        let mut reader = Reader { tokens: tokens(text)?, depth: 0 };
        let rule = reader.any()?;
        match reader.tokens.pop() {
            None => Ok(rule),
            Some(token) => Err(BadRule(format!("unexpected {token:?}"))),
        }
    }

    /// Whether a user belongs.
    pub(crate) fn admits(&self, user: &User) -> bool {
        match self {
            Self::And(one, other) => one.admits(user) && other.admits(user),
            Self::Or(one, other) => one.admits(user) || other.admits(user),
            Self::Not(rule) => !rule.admits(user),
            Self::Test { property, operator, value } => test(user, *property, *operator, value),
        }
    }
}

fn test(user: &User, property: Property, operator: Operator, value: &Value) -> bool {
    let extra = user.extra.as_deref();
    let has = |text: Option<&str>| match value {
        Value::Null => match operator {
            Operator::Equal => text.is_none(),
            Operator::NotEqual => text.is_some(),
            _ => false,
        },
        Value::Flag(_) => false,
        Value::Text(wanted) => {
            let wanted = wanted.to_lowercase();
            let text = text.map(str::to_lowercase);
            let meets = |meets: fn(&str, &str) -> bool| {
                text.as_deref().is_some_and(|text| meets(text, &wanted))
            };
            match operator {
                Operator::Equal => meets(|text, wanted| text == wanted),
                Operator::NotEqual => !meets(|text, wanted| text == wanted),
                Operator::StartsWith => meets(|text, wanted| text.starts_with(wanted)),
                Operator::NotStartsWith => !meets(|text, wanted| text.starts_with(wanted)),
                Operator::Contains => meets(|text, wanted| text.contains(wanted)),
                Operator::NotContains => !meets(|text, wanted| text.contains(wanted)),
            }
        }
    };
    let is = |flag: bool| match (operator, value) {
        (Operator::Equal, Value::Flag(wanted)) => flag == *wanted,
        (Operator::NotEqual, Value::Flag(wanted)) => flag != *wanted,
        _ => false,
    };
    match property {
        Property::AccountEnabled => is(user.enabled),
        Property::DirSyncEnabled => is(user.on_premises_synced),
        Property::City => has(extra.and_then(|extra| extra.city.as_deref())),
        Property::CompanyName => has(extra.and_then(|extra| extra.company_name.as_deref())),
        Property::Country => has(extra.and_then(|extra| extra.country.as_deref())),
        Property::Department => has(user.department.as_deref()),
        Property::DisplayName => has(Some(&user.display_name)),
        Property::EmployeeId => has(user.employee_id.as_deref()),
        Property::GivenName => has(user.given_name.as_deref()),
        Property::JobTitle => has(user.job_title.as_deref()),
        Property::Mail => has(user.mail.as_deref()),
        Property::ObjectId => has(Some(&user.id.to_string())),
        Property::OfficeLocation => has(user.office_location.as_deref()),
        Property::PreferredLanguage => has(user.preferred_language.as_deref()),
        Property::Surname => has(user.surname.as_deref()),
        Property::UsageLocation => has(user.usage_location.as_deref()),
        Property::UserPrincipalName => has(Some(&user.upn)),
        Property::UserType => has(Some(if user.guest { "Guest" } else { "Member" })),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    /// A word without its leading dash, in lower case.
    Word(String),
    Text(String),
}

/// The tokens, last first.
fn tokens(text: &str) -> Result<Vec<Token>, BadRule> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '"' | '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        None => return Err(BadRule("a text has no end".to_owned())),
                        Some(end) if end == next => break,
                        // A backtick escapes, as in PowerShell.
                        Some('`') => value.extend(rest.next()),
                        Some(other) => value.push(other),
                    }
                }
                tokens.push(Token::Text(value));
            }
            space if space.is_whitespace() => {}
            first => {
                let mut word = String::new();
                word.extend((first != '-').then(|| first.to_ascii_lowercase()));
                while let Some(more) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '.') {
                    word.push(more.to_ascii_lowercase());
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    tokens.reverse();
    Ok(tokens)
}

struct Reader {
    tokens: Vec<Token>,
    depth: usize,
}

impl Reader {
    fn any(&mut self) -> Result<Rule, BadRule> {
        let mut rule = self.all()?;
        while self.word("or") {
            rule = Rule::Or(Box::new(rule), Box::new(self.all()?));
        }
        Ok(rule)
    }

    fn all(&mut self) -> Result<Rule, BadRule> {
        let mut rule = self.one()?;
        while self.word("and") {
            rule = Rule::And(Box::new(rule), Box::new(self.one()?));
        }
        Ok(rule)
    }

    fn one(&mut self) -> Result<Rule, BadRule> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(BadRule("too deep".to_owned()));
        }
        let rule = if self.word("not") {
            Rule::Not(Box::new(self.one()?))
        } else if self.tokens.pop_if(|token| *token == Token::Open).is_some() {
            let rule = self.any()?;
            match self.tokens.pop() {
                Some(Token::Close) => rule,
                _ => return Err(BadRule("a parenthesis is not closed".to_owned())),
            }
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(rule)
    }

    fn test(&mut self) -> Result<Rule, BadRule> {
        let property = match self.tokens.pop() {
            Some(Token::Word(word)) => {
                property(&word).ok_or_else(|| BadRule(format!("no property `{word}`")))?
            }
            other => return Err(BadRule(format!("expected a property, not {other:?}"))),
        };
        let operator = match self.tokens.pop() {
            Some(Token::Word(word)) => {
                operator(&word).ok_or_else(|| BadRule(format!("no operator `{word}`")))?
            }
            other => return Err(BadRule(format!("expected an operator, not {other:?}"))),
        };
        let value = match self.tokens.pop() {
            Some(Token::Text(text)) => Value::Text(text),
            Some(Token::Word(word)) if word == "true" => Value::Flag(true),
            Some(Token::Word(word)) if word == "false" => Value::Flag(false),
            Some(Token::Word(word)) if word == "null" || word == "$null" => Value::Null,
            other => return Err(BadRule(format!("expected a value, not {other:?}"))),
        };
        Ok(Rule::Test { property, operator, value })
    }

    fn word(&mut self, wanted: &str) -> bool {
        self.tokens.pop_if(|token| matches!(token, Token::Word(word) if word == wanted)).is_some()
    }
}

fn property(word: &str) -> Option<Property> {
    Some(match word.strip_prefix("user.")? {
        "accountenabled" => Property::AccountEnabled,
        "city" => Property::City,
        "companyname" => Property::CompanyName,
        "country" => Property::Country,
        "department" => Property::Department,
        "dirsyncenabled" => Property::DirSyncEnabled,
        "displayname" => Property::DisplayName,
        "employeeid" => Property::EmployeeId,
        "givenname" => Property::GivenName,
        "jobtitle" => Property::JobTitle,
        "mail" => Property::Mail,
        "objectid" => Property::ObjectId,
        "physicaldeliveryofficename" => Property::OfficeLocation,
        "preferredlanguage" => Property::PreferredLanguage,
        "surname" => Property::Surname,
        "usagelocation" => Property::UsageLocation,
        "userprincipalname" => Property::UserPrincipalName,
        "usertype" => Property::UserType,
        _ => return None,
    })
}

fn operator(word: &str) -> Option<Operator> {
    Some(match word {
        "eq" => Operator::Equal,
        "ne" => Operator::NotEqual,
        "startswith" => Operator::StartsWith,
        "notstartswith" => Operator::NotStartsWith,
        "contains" => Operator::Contains,
        "notcontains" => Operator::NotContains,
        _ => return None,
    })
}

/// Entra's own bound on a rule.
const LONGEST: usize = 3072;
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tenant::Tenant;

    fn admits(rule: &str) -> bool {
        let tenant = Tenant::sample(1, 0);
        let sarah = tenant.people.find("sarah.lin@contoso.com").unwrap();
        Rule::parse(rule).unwrap_or_else(|why| panic!("{rule}: {why}")).admits(sarah)
    }

    #[test]
    fn a_rule_admits_or_does_not() {
        for (rule, expected) in [
            ("user.department -eq \"sales\"", true),
            ("user.department -ne \"Sales\"", false),
            ("(user.userType -eq \"Member\") and (user.accountEnabled -eq true)", true),
            ("user.accountEnabled -eq false -or user.jobTitle -startsWith \"Acc\"", true),
            ("-not (user.department -eq \"Sales\")", false),
            ("user.displayName -contains \"rah l\"", true),
            ("user.displayName -notContains \"x\" and user.mail -notStartsWith \"s\"", false),
            ("user.city -eq null", true),
            ("user.dirSyncEnabled -eq true", false),
            ("user.department -eq \"a `\" b\"", false),
            ("user.surname -eq \"Lin\" or user.surname -eq \"x\" and user.city -eq \"y\"", true),
        ] {
            assert_eq!(admits(rule), expected, "{rule}");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        for rule in [
            "",
            "user.department",
            "user.department -eq",
            "user.shoe -eq \"x\"",
            "user.department -match \"x\"",
            "device.model -eq \"x\"",
            "user.department -eq \"x",
            "(user.department -eq \"x\"",
            "user.department -eq \"x\" user.city -eq \"y\"",
        ] {
            assert!(Rule::parse(rule).is_err(), "{rule}");
        }
        assert!(Rule::parse(&"(".repeat(3000)).is_err());
        assert!(Rule::parse(&"-not ".repeat(600)).is_err());
        assert!(Rule::parse(&" ".repeat(4000)).is_err());
    }

    proptest! {
        #[test]
        fn whatever_comes_the_reader_answers(rule in ".{0,60}") {
            let _ = Rule::parse(&rule);
        }
    }
}
