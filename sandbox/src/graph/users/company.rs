//! Objects of any kind, the organisation and its domains.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{reads_directory, with_context};
use crate::graph::objects::{Cast, DIRECTORY, Object, Sight, initial_domain};
use crate::graph::odata::Query;
use crate::graph::{Answer, Call, Problem};
use crate::tenant::Tenant;
use crate::world::World;

/// `GET /directoryObjects/{id}`.
pub(super) fn object(world: &World, call: &Call) -> Result<Answer, Problem> {
    let sight = Sight::of(world, call);
    reads_directory(&sight)?;
    let query = Query::entity(call, &DIRECTORY)?;
    let key = call.segment(1);
    let found = Uuid::try_parse(key).ok().and_then(|id| Object::find(&world.tenant, id));
    let found = found.ok_or_else(|| Problem::not_found(key))?;
    let context = query.context(call, "directoryObjects/$entity");
    Ok(Answer::ok(with_context(&context, found.show(&sight, &query, true))))
}

/// `POST /directoryObjects/getByIds`: what is not there is left out.
pub(super) fn objects(world: &World, call: &Call) -> Result<Answer, Problem> {
    let sight = Sight::of(world, call);
    reads_directory(&sight)?;
    let query = Query::entity(call, &DIRECTORY)?;
    let ids = call
        .body
        .get("ids")
        .and_then(Value::as_array)
        .ok_or_else(|| Problem::bad_request("Required parameter 'ids' is missing."))?;
    if ids.len() > MOST {
        return Err(Problem::bad_request(format!(
            "Too many object identifiers specified. The maximum number allowed is {MOST}."
        )));
    }
    let types: Option<Vec<&str>> = match call.body.get("types") {
        None | Some(Value::Null) => None,
        Some(types) => types.as_array().map(|it| it.iter().filter_map(Value::as_str).collect()),
    };
    let wanted = |object: &Object<'_>| {
        let name = match object.cast() {
            Cast::User => "user",
            Cast::Group => "group",
            Cast::Role => "directoryRole",
        };
        types.as_ref().is_none_or(|types| {
            types.iter().any(|it| it.eq_ignore_ascii_case(name) || *it == "directoryObject")
        })
    };
    let mut found = Vec::new();
    for id in ids {
        let id = id.as_str().and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(|| {
            Problem::bad_request("Invalid object identifier specified in the request.")
        })?;
        found.extend(Object::find(&world.tenant, id).filter(wanted));
    }
    let shown: Vec<Value> = found.iter().map(|it| it.show(&sight, &query, true)).collect();
    let context = query.context(call, "directoryObjects");
    Ok(Answer::ok(json!({"@odata.context": context, "value": shown})))
}

/// `GET /organization[/{id}]`.
pub(super) fn organization(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&[
        "User.Read",
        "Organization.Read.All",
        "Organization.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Directory.AccessAsUser.All",
    ])?;
    let tenant = &world.tenant;
    let company = select(call, company(tenant))?;
    one_or_all(call, "organization", &tenant.id.to_string(), vec![company])
}

fn company(tenant: &Tenant) -> Value {
    let initial = initial_domain(tenant);
    let domain = |name: &str, default: bool, initial: bool| {
        json!({
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": default,
            "isInitial": initial,
            "name": name,
            "type": "Managed",
        })
    };
    json!({
        "id": tenant.id,
        "deletedDateTime": null,
        "businessPhones": ["+1 425 555 0100"],
        "city": "Seattle",
        "country": null,
        "countryLetterCode": "US",
        "createdDateTime": "2024-01-15T08:00:00Z",
        "defaultUsageLocation": "US",
        "displayName": tenant.name,
        "marketingNotificationEmails": [],
        "onPremisesLastSyncDateTime": "2024-02-01T08:00:00Z",
        "onPremisesSyncEnabled": true,
        "partnerTenantType": null,
        "postalCode": "98101",
        "preferredLanguage": "en",
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "state": "WA",
        "street": "1 Example Way",
        "technicalNotificationMails": [format!("dana@{}", tenant.domain)],
        "tenantType": "AAD",
        "privacyProfile": null,
        "assignedPlans": [],
        "provisionedPlans": [],
        "verifiedDomains": [
            domain(&tenant.domain, true, false),
            domain(&initial, false, true),
        ],
    })
}

/// `GET /domains[/{id}]`.
pub(super) fn domains(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(&[
        "Domain.Read.All",
        "Domain.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
        "Directory.AccessAsUser.All",
    ])?;
    let tenant = &world.tenant;
    let initial = initial_domain(tenant);
    let mut shown = Vec::new();
    for (name, default) in [(tenant.domain.as_str(), true), (initial.as_str(), false)] {
        shown.push(select(
            call,
            json!({
                "id": name,
                "authenticationType": "Managed",
                "availabilityStatus": null,
                "isAdminManaged": true,
                "isDefault": default,
                "isInitial": !default,
                "isRoot": true,
                "isVerified": true,
                "manufacturer": null,
                "model": null,
                "passwordNotificationWindowInDays": null,
                "passwordValidityPeriodInDays": null,
                "state": null,
                "supportedServices": ["Email", "OfficeCommunicationsOnline"],
            }),
        )?);
    }
    one_or_all(call, "domains", &call.segment(1).to_lowercase(), shown)
}

/// Takes `$select` and nothing else.
fn select(call: &Call, mut entity: Value) -> Result<Value, Problem> {
    for (name, value) in &call.query {
        if !name.eq_ignore_ascii_case("$select") {
            return Err(Problem::unsupported(format!("The sandbox has no {name} here.")));
        }
        let names: Vec<&str> = value.split(',').map(str::trim).collect();
        let Value::Object(fields) = &mut entity else { continue };
        if let Some(missing) = names.iter().find(|name| !fields.contains_key(**name)) {
            return Err(Problem::new(
                400,
                "BadRequest",
                format!(
                    "Parsing OData Select and Expand failed: Could not find a property named \
                     '{missing}' on type 'microsoft.graph.{}'.",
                    call.segment(0).trim_end_matches('s')
                ),
            ));
        }
        fields.retain(|field, _| field == "id" || names.contains(&field.as_str()));
    }
    Ok(entity)
}

fn one_or_all(call: &Call, set: &str, id: &str, all: Vec<Value>) -> Result<Answer, Problem> {
    let query = Query::default();
    if call.names.len() < 2 {
        let context = query.context(call, set);
        return Ok(Answer::ok(json!({"@odata.context": context, "value": all})));
    }
    let key = call.segment(1);
    let found = all
        .into_iter()
        .find(|it| it.get("id").is_some_and(|own| own == id && key.eq_ignore_ascii_case(id)));
    let found = found.ok_or_else(|| Problem::not_found(key))?;
    Ok(Answer::ok(with_context(&query.context(call, &format!("{set}/$entity")), found)))
}

/// Ids in one request at most (Graph, "Get directory objects from a list of IDs").
const MOST: usize = 1000;
