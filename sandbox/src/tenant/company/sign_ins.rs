use jiff::{SignedDuration, Timestamp};
use uuid::{Uuid, uuid};

use super::apps::SAMPLE_CLI_APP;
use super::{Dice, day};
use crate::tenant::{LOCAL, Place, SignIn, Tenant};

type App = (Uuid, &'static str, &'static str);

/// Name and `clientAppUsed`; the first two are Microsoft's own apps, the same in every tenant.
const TEAMS: App = (
    uuid!("1fec8e78-bce4-4aaf-ab1b-5451cc387264"),
    "Microsoft Teams",
    "Mobile Apps and Desktop clients",
);
const OFFICE: App = (uuid!("4765445b-32c6-49b0-83e6-1d93765276ca"), "OfficeHome", "Browser");
const TOOL: App = (SAMPLE_CLI_APP, "Contoso Command Line", "Mobile Apps and Desktop clients");

/// Addresses from the ranges kept free for documentation (RFC 5737).
const SEATTLE: Place = Place {
    ip: "198.51.100.23",
    city: Some("Seattle"),
    state: Some("Washington"),
    country: Some("US"),
};
const OSAKA: Place =
    Place { ip: "203.0.113.77", city: Some("Osaka"), state: Some("Osaka"), country: Some("JP") };
const NOWHERE: Place =
    Place { ip: "192.0.2.14", city: Some("Chisinau"), state: None, country: Some("MD") };

/// Who, the AADSTS number (0 for success), how many minutes ago it began, how many times, one a
/// minute, through which app, and where from.
const STORY: &[(&str, u32, i64, i64, App, Place)] = &[
    ("doug", 0, 35, 1, TEAMS, SEATTLE),
    ("dana", 0, 25, 1, OFFICE, SEATTLE),
    // A typing error.
    ("alex.kim", 50126, 190, 1, OFFICE, SEATTLE),
    ("alex.kim", 0, 188, 1, OFFICE, SEATTLE),
    // Locked out, again and again: somebody elsewhere guesses.
    ("jon.miller", 0, 4400, 1, TEAMS, SEATTLE),
    ("jon.miller", 50126, 2990, 10, OFFICE, NOWHERE),
    ("jon.miller", 50053, 2980, 4, OFFICE, NOWHERE),
    ("jon.miller", 50126, 1510, 10, OFFICE, NOWHERE),
    ("jon.miller", 50053, 1500, 6, OFFICE, NOWHERE),
    ("jon.miller", 50126, 70, 10, OFFICE, NOWHERE),
    ("jon.miller", 50053, 60, 3, TEAMS, SEATTLE),
    // Blocked by Conditional Access, and still so.
    ("taro.yamada", 53003, 300, 2, OFFICE, OSAKA),
    ("taro.yamada", 53003, 45, 1, TEAMS, OSAKA),
    // Has left.
    ("victor.novak", 50057, 2880, 2, TEAMS, SEATTLE),
    // A second factor.
    ("grace.tan", 50076, 420, 1, OFFICE, SEATTLE),
    ("grace.tan", 0, 419, 1, OFFICE, SEATTLE),
    ("sarah.lin", 50079, 75, 1, TEAMS, SEATTLE),
    ("sarah.lin", 0, 72, 1, TEAMS, SEATTLE),
    ("huong.nguyen", 65001, 700, 1, TOOL, LOCAL),
    ("lena.hoffmann", 700_082, 600, 1, TEAMS, SEATTLE),
    ("lena.hoffmann", 0, 599, 1, TEAMS, SEATTLE),
];

/// Whose sign-ins are really refused, and with which number.
const BARRED: &[(&str, u32)] = &[("taro.yamada", 53003)];

/// Who signed in, and who could not, oldest first. The sandbox moves it all to just before its
/// start.
pub(super) fn logged(tenant: &mut Tenant, dice: &mut Dice) -> Vec<SignIn> {
    let mut log: Vec<(i64, Uuid, u32, App, Place)> = Vec::new();
    for (alias, error, ago, times, app, place) in STORY {
        let Some(user) = tenant.people.find(&format!("{alias}@{}", tenant.domain)) else {
            continue;
        };
        log.extend((0..*times).map(|at| (ago - at, user.id, *error, *app, *place)));
    }
    let told = |upn: &str| {
        let alias = upn.split('@').next().unwrap_or_default();
        STORY.iter().any(|(known, ..)| *known == alias)
    };
    // Everybody else came in at some time of the last days.
    for user in tenant.people.iter().filter(|user| user.enabled && user.employee_id.is_some()) {
        let (roll, ago) = (dice.percent(), i64::from(dice.percent()) * 40 + 100);
        if !told(&user.upn) && roll < 60 {
            log.push((ago, user.id, 0, if roll < 30 { TEAMS } else { OFFICE }, SEATTLE));
        }
    }
    for (alias, number) in BARRED {
        let id = tenant.people.find(&format!("{alias}@{}", tenant.domain)).map(|user| user.id);
        if let Some(user) = id.and_then(|id| tenant.people.get_mut(id)) {
            user.barred = Some(*number);
        }
    }
    log.sort_by_key(|(ago, user, ..)| (std::cmp::Reverse(*ago), *user));
    log.into_iter().map(|entry| sign_in(entry, dice)).collect()
}

fn sign_in(
    (ago, user, error, (app_id, app_name, client), place): (i64, Uuid, u32, App, Place),
    dice: &mut Dice,
) -> SignIn {
    let at: Timestamp =
        day(1000).saturating_sub(SignedDuration::from_mins(ago)).unwrap_or(day(1000));
    SignIn {
        id: dice.guid(),
        at,
        visible: at,
        user: Some(user),
        app_id,
        app_name: app_name.to_owned(),
        interactive: true,
        error,
        correlation: dice.guid(),
        token: None,
        place,
        client,
    }
}
