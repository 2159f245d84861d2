//! Searches of the unified log: `POST security/auditLog/queries`, poll, read the records.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::graph::listing::Listing;
use crate::graph::{Answer, Call, Handled, Problem};
use crate::manage::record;
use crate::tenant::audit::Search;
use crate::tenant::audit::events::seconds;
use crate::world::World;

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    let path = path.get(3..).unwrap_or_default();
    Some(match (method, path) {
        ("POST", []) => create(world, call),
        ("GET", []) => list(world, call),
        ("GET", [_]) => one(world, call),
        ("GET", [_, "records"]) => records(world, call),
        _ => return None,
    })
}

const QUERIES: Listing<'_> =
    Listing { context: "security/auditLog/queries", filterable: &[], page: 100, orderable: None };

fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_search(call)?;
    let time = |name: &str| {
        let text = call.body.get(name).and_then(Value::as_str);
        text.and_then(|text| text.parse::<Timestamp>().ok()).ok_or_else(|| {
            Problem::bad_request(format!("The property '{name}' is missing or not a time."))
        })
    };
    let (from, until) = (time("filterStartDateTime")?, time("filterEndDateTime")?);
    if until < from {
        return Err(Problem::bad_request("filterEndDateTime lies before filterStartDateTime."));
    }
    for unsupported in
        ["keywordFilter", "ipAddressFilters", "administrativeUnitIdFilters", "recordTypeFilters"]
    {
        let given = call.body.get(unsupported).unwrap_or(&Value::Null);
        if !given.is_null() && given != &json!([]) && given != &json!("") {
            return Err(Problem::unsupported(format!(
                "The sandbox cannot search the audit log by {unsupported}."
            )));
        }
    }
    let strings = |name: &str| {
        let items = call.body.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let search = Search {
        id: world.guid(),
        created: world.now(),
        display_name: call.body.get("displayName").and_then(Value::as_str).map(str::to_owned),
        from,
        until,
        operations: strings("operationFilters"),
        users: strings("userPrincipalNameFilters"),
        objects: strings("objectIdFilters"),
    };
    // A new search is not running yet, whatever the clock says.
    let body = QUERIES.wrapped(call, json_of(&search, "notStarted"));
    let searches = &mut world.tenant.audit.unified.searches;
    if searches.len() >= KEPT {
        searches.remove(0);
    }
    searches.push(search);
    Ok(Answer::created(body))
}

fn list(world: &World, call: &Call) -> Result<Answer, Problem> {
    may_search(call)?;
    let now = world.now();
    let searches = world.tenant.audit.unified.searches.iter();
    QUERIES.answer(call, searches.map(|search| json_of(search, status(search, now))).collect())
}

fn one(world: &World, call: &Call) -> Result<Answer, Problem> {
    may_search(call)?;
    let search = find(world, call)?;
    QUERIES.entity(call, json_of(search, status(search, world.now())))
}

fn records(world: &World, call: &Call) -> Result<Answer, Problem> {
    may_search(call)?;
    let (now, search) = (world.now(), find(world, call)?);
    let context = format!("security/auditLog/queries('{}')/records", search.id);
    let listing = Listing { context: &context, filterable: &[], page: 150, orderable: None };
    if status(search, now) != "succeeded" {
        return listing.answer(call, Vec::new());
    }
    let entries = world.tenant.audit.visible(now).rev();
    let within = entries.filter(|entry| search.from <= entry.at && entry.at <= search.until);
    let found = within.map(|entry| record::unified(&world.tenant, entry));
    let items = found.filter(|record| matches(search, record)).map(audit_log_record).collect();
    listing.answer(call, items)
}

fn matches(search: &Search, record: &Value) -> bool {
    let any = |wanted: &[String], name: &str| {
        let value = record.get(name).and_then(Value::as_str).unwrap_or_default();
        // "Change user license" finds "Change user license.", as in Purview.
        let plain = |text: &str| text.trim_end_matches('.').to_lowercase();
        wanted.is_empty() || wanted.iter().any(|wanted| plain(wanted) == plain(value))
    };
    any(&search.operations, "Operation")
        && any(&search.users, "UserId")
        && any(&search.objects, "ObjectId")
}

fn audit_log_record(record: Value) -> Value {
    json!({
        "id": record.get("Id"),
        "createdDateTime": record.get("CreationTime").and_then(Value::as_str).map(|at| format!("{at}Z")),
        "auditLogRecordType": "AzureActiveDirectory",
        "operation": record.get("Operation"),
        "organizationId": record.get("OrganizationId"),
        "userType": if record.get("UserType") == Some(&json!(0)) { "Regular" } else { "System" },
        "userId": record.get("UserId"),
        "service": record.get("Workload"),
        "objectId": record.get("ObjectId"),
        "userPrincipalName": record.get("UserId"),
        "clientIp": record.get("ClientIP"),
        "administrativeUnits": [],
        "auditData": with_type(record),
    })
}

fn with_type(record: Value) -> Value {
    let mut data = serde_json::Map::new();
    let kind = "#microsoft.graph.security.azureActiveDirectoryAuditRecord";
    data.insert("@odata.type".to_owned(), json!(kind));
    if let Value::Object(fields) = record {
        data.extend(fields);
    }
    Value::Object(data)
}

fn json_of(search: &Search, status: &str) -> Value {
    json!({
        "id": search.id,
        "displayName": search.display_name,
        "filterStartDateTime": seconds(search.from),
        "filterEndDateTime": seconds(search.until),
        "recordTypeFilters": [],
        "keywordFilter": null,
        "serviceFilters": [],
        "operationFilters": search.operations,
        "userPrincipalNameFilters": search.users,
        "ipAddressFilters": [],
        "objectIdFilters": search.objects,
        "administrativeUnitIdFilters": [],
        "status": status,
    })
}

/// Searches take their time: minutes in reality, so clients must poll here too.
fn status(search: &Search, now: Timestamp) -> &'static str {
    let age = now.duration_since(search.created);
    if age < SignedDuration::from_millis(500) { "running" } else { "succeeded" }
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Search, Problem> {
    let id = call.segment(3);
    let parsed = Uuid::try_parse(id).ok();
    let mut searches = world.tenant.audit.unified.searches.iter();
    searches.find(|search| Some(search.id) == parsed).ok_or_else(|| Problem::not_found(id))
}

fn may_search(call: &Call) -> Result<(), Problem> {
    call.needs(&["AuditLogsQuery.Read.All", "AuditLogsQuery-Entra.Read.All"])
}

const KEPT: usize = 100;
