use std::collections::HashMap;

use uuid::Uuid;

use super::cast::{CAST, Kind, Plan, Role};
use super::crowd::{DEPARTMENTS, Department, ENGINEERING, GIVEN, OFFICES, SURNAME};
use super::{Dice, SAMPLE_PASSWORD, day, products};
use crate::tenant::{Methods, Readiness, Secret, Tenant, User};

/// Hires the cast, and then a crowd until there are `users` people.
pub(super) fn hire(tenant: &mut Tenant, dice: &mut Dice, users: usize) {
    let aliases: HashMap<&str, Uuid> = CAST.iter().map(|role| (role.alias, dice.guid())).collect();
    for (at, role) in (1..).zip(CAST) {
        let Some(id) = aliases.get(role.alias) else { continue };
        let manager = aliases.get(role.manager).copied();
        tenant.people.add(member(tenant, role, *id, manager, at));
    }
    let mut crowd = Crowd::default();
    for at in CAST.len()..users {
        let user = crowd.member(tenant, dice, &aliases, at);
        tenant.people.add(user);
    }
}

fn member(tenant: &Tenant, role: &Role, id: Uuid, manager: Option<Uuid>, number: i64) -> User {
    let domain = &tenant.domain;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let person = role.kind != Kind::Service;
    let (given, surname) = role.name.split_once(' ').unwrap_or((role.name, ""));
    let (guest_mail, upn) = match role.kind {
        // Guests live under the tenant's initial domain.
        Kind::Guest(mail) => {
            let company = domain.split('.').next().unwrap_or(domain);
            (Some(mail), format!("{}@{company}.onmicrosoft.com", role.alias))
        }
        _ => (None, format!("{}@{domain}", role.alias)),
    };
    let guest = guest_mail.is_some();
    let mail = guest_mail.map(str::to_owned).or_else(|| person.then(|| upn.clone()));
    let created = day(if role.alias == "sarah.lin" { 990 } else { number });
    User {
        id,
        display_name: role.name.to_owned(),
        given_name: person.then(|| given.to_owned()),
        surname: if person { text(surname) } else { None },
        upn,
        mail,
        job_title: text(role.title),
        department: text(role.department),
        office_location: (person && !guest).then(|| "Seattle/1".to_owned()),
        employee_id: (person && !guest).then(|| format!("E{number:05}")),
        mobile_phone: None,
        business_phones: if person && !guest { vec![phone(number)] } else { Vec::new() },
        usage_location: text(role.usage_location),
        preferred_language: (person && !guest).then(|| "en-US".to_owned()),
        guest,
        enabled: role.kind != Kind::Blocked,
        on_premises_synced: role.kind == Kind::Synced,
        created,
        manager,
        licences: products::direct(role.plan, created),
        sessions_valid_from: created,
        password_changed: created,
        password: Secret::new(SAMPLE_PASSWORD),
        must_change_password: false,
        barred: None,
        methods: Methods::default(),
        teams: Readiness::Ready,
        identity_parent: None,
        extra: None,
    }
}

/// Who of the crowd works where, so that everybody gets a manager and an address of their own.
#[derive(Default)]
struct Crowd {
    namesakes: HashMap<String, u32>,
    teams: HashMap<&'static str, Vec<Uuid>>,
}

impl Crowd {
    fn member(
        &mut self,
        tenant: &Tenant,
        dice: &mut Dice,
        aliases: &HashMap<&str, Uuid>,
        at: usize,
    ) -> User {
        let id = dice.guid();
        let given = dice.pick(GIVEN).copied().unwrap_or_default();
        let surname = dice.pick(SURNAME).copied().unwrap_or_default();
        let (office, location) = dice.pick(OFFICES).copied().unwrap_or_default();
        let department = department(dice.percent());
        let team = self.teams.entry(department.name).or_default();
        // Eight reports each: the first eight report to the head, the next to those, and so on.
        let manager = match team.len().checked_sub(REPORTS) {
            None => aliases.get(department.head).copied(),
            Some(later) => team.get(later / REPORTS).copied(),
        };
        team.push(id);
        let alias = self.alias(given, surname);
        let upn = format!("{alias}@{}", tenant.domain);
        let number = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1);
        let created = day(number % 900);
        User {
            id,
            display_name: format!("{given} {surname}"),
            given_name: Some(given.to_owned()),
            surname: Some(surname.to_owned()),
            mail: Some(upn.clone()),
            upn,
            job_title: Some(department.title.to_owned()),
            department: Some(department.name.to_owned()),
            office_location: Some(office.to_owned()),
            employee_id: Some(format!("E{number:05}")),
            mobile_phone: None,
            business_phones: vec![phone(number)],
            usage_location: Some(location.to_owned()),
            preferred_language: Some("en-US".to_owned()),
            guest: false,
            enabled: true,
            on_premises_synced: dice.percent() < 4,
            created,
            manager,
            licences: products::direct(department.plan, created),
            sessions_valid_from: created,
            password_changed: created,
            password: Secret::new(SAMPLE_PASSWORD),
            must_change_password: false,
            barred: None,
            methods: Methods::default(),
            teams: Readiness::Ready,
            identity_parent: None,
            extra: None,
        }
    }

    /// `first.last`, with a number from the second namesake on.
    fn alias(&mut self, given: &str, surname: &str) -> String {
        let mut alias = format!("{given}.{surname}").to_lowercase();
        let namesakes = self.namesakes.entry(alias.clone()).or_default();
        *namesakes += 1;
        if *namesakes > 1 {
            alias.push_str(&namesakes.to_string());
        }
        alias
    }
}

/// The department of somebody at this percentile of the crowd.
fn department(percent: u32) -> &'static Department {
    let mut below = 0;
    let found = DEPARTMENTS.iter().find(|department| {
        below += department.share;
        percent < below
    });
    // The shares sum up to a hundred; a test holds them to it.
    found.unwrap_or(&ENGINEERING)
}

/// Who inherits a licence from the F3 group.
pub(super) fn inherits_f3(user: &User) -> bool {
    let alias = user.upn.split('@').next().unwrap_or_default();
    let cast = CAST.iter().find(|role| role.alias == alias);
    match cast {
        Some(role) => role.plan == Plan::F3,
        None => user.department.as_deref() == Some("Operations"),
    }
}

/// A number from the range kept free for fiction.
fn phone(number: i64) -> String {
    format!("+1 425 555 01{:02}", number % 100)
}

/// Direct reports of one manager in the crowd.
const REPORTS: usize = 8;
