//! The Office 365 Management Activity API (`manage.office.com`): the unified log as a feed of
//! content blobs. Codes and texts follow Microsoft's reference; it does not say which status goes
//! with which code, so that stays in [`Trouble::status`].

pub(crate) mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::graph::Caller;
use crate::tenant::Entry;
use crate::tenant::audit::Feed;
use crate::token;
use crate::wire::{Request, Response};
use crate::world::{Sandbox, World};

/// Answers one request.
pub(crate) fn answer(sandbox: &Arc<Sandbox>, request: &Request) -> Response {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match bearer.map(|token| token::caller(sandbox, token, token::MANAGE)) {
        Some(Ok(caller)) => serve(&mut sandbox.world(), &caller, request),
        Some(Err(_)) | None => Response::json(
            401,
            json!({"Message": "Authorization has been denied for this request."}),
        ),
    }
}

/// What went wrong: the code and its text.
#[derive(Debug)]
struct Trouble(&'static str, String);

impl Trouble {
    /// Seen in the wild: 400 for what the caller did wrong. The rest is assumed.
    fn status(&self) -> u16 {
        match self.0 {
            "AF10001" => 403,
            "AF20050" => 404,
            "NotImplemented" => 501,
            _ => 400,
        }
    }

    fn response(&self) -> Response {
        Response::json(self.status(), json!({"error": {"code": self.0, "message": self.1}}))
    }
}

fn serve(world: &mut World, caller: &Caller, request: &Request) -> Response {
    route(world, caller, request).unwrap_or_else(|trouble| trouble.response())
}

fn route(world: &mut World, caller: &Caller, request: &Request) -> Result<Response, Trouble> {
    let lower = request.path.to_ascii_lowercase();
    let path: Vec<&str> = lower.split('/').filter(|part| !part.is_empty()).collect();
    let ["api", "v1.0" | "v1", tenant, "activity", "feed", rest @ ..] = path.as_slice() else {
        return Ok(Response::empty(404));
    };
    permitted(world, caller, tenant)?;
    let query = Query::of(request);
    match (request.method.as_str(), rest) {
        ("POST", ["subscriptions", "start"]) => start(world, &query, &request.body),
        ("POST", ["subscriptions", "stop"]) => stop(world, &query),
        ("GET", ["subscriptions", "list"]) => Ok(list(world)),
        ("GET", ["subscriptions", "content"]) => content(world, &query, &request.origin),
        ("GET", ["subscriptions", "notifications"]) => notifications(world, &query),
        ("GET", ["audit", id]) => blob(world, id),
        (_, ["subscriptions", "start" | "stop" | "list" | "content"] | ["audit", _]) => {
            Ok(Response::empty(405))
        }
        _ => Ok(Response::empty(404)),
    }
}

fn permitted(world: &World, caller: &Caller, tenant: &str) -> Result<(), Trouble> {
    let own = world.tenant.id;
    match Uuid::try_parse(tenant) {
        Err(_) => Err(Trouble(
            "AF20013",
            format!("The tenant ID passed in the URL ({tenant}) is not a valid GUID."),
        )),
        Ok(named) if named != own => Err(Trouble(
            "AF20010",
            format!(
                "The tenant ID passed in the URL ({named}) does not match the tenant ID passed in \
                 the access token ({own})."
            ),
        )),
        Ok(_) if !caller.permissions.contains("ActivityFeed.Read") => {
            let held: Vec<_> = caller.permissions.iter().map(String::as_str).collect();
            Err(Trouble(
                "AF10001",
                format!(
                    "The permission set ({}) sent in the request did not include the expected \
                     permission ActivityFeed.Read.",
                    held.join(" ")
                ),
            ))
        }
        Ok(_) => Ok(()),
    }
}

fn start(world: &mut World, query: &Query, body: &[u8]) -> Result<Response, Trouble> {
    let content_type = query.content_type()?;
    let asked: Value = match body {
        [] => Value::Null,
        _ => serde_json::from_slice(body).map_err(|_| {
            Trouble("AF20002", "Invalid parameter type: body. Expected type: json".to_owned())
        })?,
    };
    if asked.get("webhook").is_some_and(|webhook| !webhook.is_null()) {
        return Err(Trouble(
            "NotImplemented",
            "The sandbox calls no webhooks of the activity feed: poll for content.".to_owned(),
        ));
    }
    let now = world.now();
    let feeds = &mut world.tenant.audit.unified.feeds;
    match feeds.iter_mut().find(|feed| feed.content_type == content_type) {
        // Not in the reference, but what the service says.
        Some(feed) if feed.enabled => {
            return Err(Trouble(
                "AF20024",
                "The subscription is already enabled. No property change.".to_owned(),
            ));
        }
        // What happened in between is lost.
        Some(feed) => (feed.enabled, feed.since) = (true, now),
        None => feeds.push(Feed { content_type, since: now, enabled: true }),
    }
    Ok(Response::json(
        200,
        json!({"contentType": content_type, "status": "enabled", "webhook": null}),
    ))
}

fn stop(world: &mut World, query: &Query) -> Result<Response, Trouble> {
    let content_type = query.content_type()?;
    let feeds = &mut world.tenant.audit.unified.feeds;
    let feed = feeds.iter_mut().find(|feed| feed.content_type == content_type && feed.enabled);
    feed.ok_or_else(no_subscription)?.enabled = false;
    Ok(Response::empty(200))
}

fn list(world: &World) -> Response {
    let feeds = world.tenant.audit.unified.feeds.iter();
    let rows = feeds.map(|feed| {
        let status = if feed.enabled { "enabled" } else { "disabled" };
        json!({"contentType": feed.content_type, "status": status, "webhook": null})
    });
    Response::json(200, rows.collect())
}

fn content(world: &World, query: &Query, origin: &str) -> Result<Response, Trouble> {
    let content_type = query.content_type()?;
    let feed = enabled(world, content_type)?;
    let now = world.now();
    let (from, until) = query.window(now)?;
    let mut blobs = blobs(world, now);
    blobs.retain(|blob| {
        feed.content_type == DIRECTORY
            && feed.since <= blob.created
            && from <= blob.created
            && blob.created < until
    });
    if let Some(page) = query.get("nextPage") {
        let at = blobs.iter().position(|blob| blob.id == page);
        let at =
            at.ok_or_else(|| Trouble("AF20031", format!("Invalid nextPage Input: {page}.")))?;
        blobs.drain(..at);
    }
    let root = format!("{origin}/api/v1.0/{}/activity/feed", world.tenant.id);
    let next = blobs.get(PAGE).map(|blob| {
        let (from, until) = (record::without_zone(from), record::without_zone(until));
        format!(
            "{root}/subscriptions/content?contentType={content_type}&startTime={from}\
             &endTime={until}&nextPage={}",
            blob.id
        )
    });
    let rows = blobs.iter().take(PAGE).map(|blob| {
        json!({
            "contentUri": format!("{root}/audit/{}", blob.id),
            "contentId": blob.id,
            "contentType": content_type,
            "contentCreated": millis(blob.created),
            "contentExpiration": millis(blob.created.saturating_add(KEPT).unwrap_or(Timestamp::MAX)),
        })
    });
    let response = Response::json(200, rows.collect());
    Ok(match next {
        Some(next) => response.with_header("NextPageUri", next),
        None => response,
    })
}

fn notifications(world: &World, query: &Query) -> Result<Response, Trouble> {
    enabled(world, query.content_type()?)?;
    // No webhook, no notification.
    Ok(Response::json(200, json!([])))
}

fn blob(world: &World, id: &str) -> Result<Response, Trouble> {
    enabled(world, DIRECTORY)?;
    let now = world.now();
    if id.split('$').count() != 5 {
        return Err(Trouble("AF20052", format!("Content ID {id} in the URL is invalid.")));
    }
    let blobs = blobs(world, now);
    let Some(found) = blobs.iter().find(|blob| blob.id == id) else {
        return Err(Trouble("AF20050", format!("The specified content ({id}) does not exist.")));
    };
    if now.duration_since(found.created) > KEPT {
        return Err(Trouble(
            "AF20051",
            format!(
                "Content requested with the key {id} has already expired. Content older than 7 \
                 days cannot be retrieved."
            ),
        ));
    }
    let records = found.entries.iter().map(|entry| record::unified(&world.tenant, entry));
    Ok(Response::json(200, records.collect()))
}

fn enabled<'a>(world: &'a World, content_type: &str) -> Result<&'a Feed, Trouble> {
    let mut feeds = world.tenant.audit.unified.feeds.iter();
    feeds.find(|feed| feed.content_type == content_type && feed.enabled).ok_or_else(no_subscription)
}

fn no_subscription() -> Trouble {
    Trouble("AF20022", "No subscription found for the specified content type.".to_owned())
}

/// What one call wrote, once readers may see all of it.
struct Blob<'a> {
    id: String,
    created: Timestamp,
    entries: Vec<&'a Entry>,
}

fn blobs(world: &World, now: Timestamp) -> Vec<Blob<'_>> {
    let mut blobs: Vec<Blob<'_>> = Vec::new();
    for entry in &world.tenant.audit.entries {
        match blobs.last_mut() {
            Some(blob) if blob.entries.iter().any(|e| e.correlation == entry.correlation) => {
                blob.created = blob.created.max(entry.visible);
                blob.entries.push(entry);
            }
            _ => {
                blobs.push(Blob { id: String::new(), created: entry.visible, entries: vec![entry] })
            }
        }
    }
    blobs.retain(|blob| blob.created <= now);
    blobs.sort_by_key(|blob| blob.created);
    for blob in &mut blobs {
        let time = blob.created.strftime("%Y%m%d%H%M%S%f").to_string();
        let call = blob.entries.first().map(|entry| entry.correlation.simple().to_string());
        blob.id = format!(
            "{time}${time}$audit_azureactivedirectory$audit_azureactivedirectory${}",
            call.unwrap_or_default()
        );
    }
    blobs
}

struct Query(Vec<(String, String)>);

impl Query {
    fn of(request: &Request) -> Self {
        let query = request.query.as_deref().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn content_type(&self) -> Result<&'static str, Trouble> {
        let Some(named) = self.get("contentType") else {
            return Err(Trouble("AF20001", "Missing parameter: contentType.".to_owned()));
        };
        let known = CONTENT_TYPES.iter().find(|known| known.eq_ignore_ascii_case(named));
        known.copied().ok_or_else(|| {
            Trouble("AF20020", "The specified content type is not valid.".to_owned())
        })
    }

    /// From when until when content must have become available.
    fn window(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), Trouble> {
        let ago = |span: SignedDuration| now.saturating_sub(span).unwrap_or(Timestamp::MIN);
        let (from, until) = match (self.time("startTime")?, self.time("endTime")?) {
            // Whole seconds, so that the link to the next page can name the same window.
            (None, None) => {
                let until = Timestamp::from_second(now.as_second().saturating_add(1));
                let until = until.unwrap_or(Timestamp::MAX);
                return Ok((until.saturating_sub(DAY).unwrap_or(Timestamp::MIN), until));
            }
            (Some(from), Some(until)) => (from, until),
            _ => return Err(out_of_window()),
        };
        if until <= from || until.duration_since(from) > DAY || from < ago(KEPT) {
            return Err(out_of_window());
        }
        Ok((from, until))
    }

    /// `YYYY-MM-DD`, `…THH:MM`, `…THH:MM:SS`, with or without `Z`; UTC.
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Trouble> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let plain = text.trim_end_matches(['Z', 'z']);
        let parsed = plain.parse::<DateTime>().or_else(|_| format!("{plain}:00").parse());
        let zoned = parsed.and_then(|time| time.to_zoned(TimeZone::UTC));
        zoned.map(|zoned| Some(zoned.timestamp())).map_err(|_| {
            Trouble("AF20002", format!("Invalid parameter type: {name}. Expected type: datetime"))
        })
    }
}

fn out_of_window() -> Trouble {
    Trouble(
        "AF20030",
        "Start time and end time must both be specified (or both omitted) and must be less than \
         or equal to 24 hours apart, with the start time no more than 7 days in the past."
            .to_owned(),
    )
}

fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

const DIRECTORY: &str = "Audit.AzureActiveDirectory";
const CONTENT_TYPES: &[&str] =
    &[DIRECTORY, "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All"];
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long content can be fetched.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
const PAGE: usize = 200;
