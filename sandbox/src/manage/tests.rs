use bytes::Bytes;
use hyper::HeaderMap;

use super::*;
use crate::graph::desk::Desk;
use crate::wire::{Body, Service};

fn desk() -> Desk {
    Desk::of_dana(&["ActivityFeed.Read", "LicenseAssignment.ReadWrite.All"])
}

/// Status, body, `NextPageUri`.
fn send(desk: &Desk, method: &str, operation: &str) -> (u16, Value, Option<String>) {
    let tenant = desk.world().tenant.id;
    at(desk, method, &format!("/api/v1.0/{tenant}/activity/feed/{operation}"))
}

fn at(desk: &Desk, method: &str, address: &str) -> (u16, Value, Option<String>) {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let request = Request {
        service: Service::Manage,
        method: method.to_owned(),
        path: path.to_owned(),
        query: Some(query.to_owned()),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        origin: "https://manage.office.com".to_owned(),
    };
    let response = serve(&mut desk.world(), desk.caller(), &request);
    let next = response.headers.iter().find(|(name, _)| name == "NextPageUri");
    let next = next.map(|(_, value)| value.clone());
    match response.body {
        Body::Json(body) => (response.status, body, next),
        _ => (response.status, Value::Null, next),
    }
}

fn code(desk: &Desk, method: &str, operation: &str) -> String {
    let (status, body, _) = send(desk, method, operation);
    assert!(status >= 400, "{operation}: {status} {body}");
    body["error"]["code"].as_str().unwrap_or_default().to_owned()
}

const START: &str = "subscriptions/start?contentType=Audit.AzureActiveDirectory";
const STOP: &str = "subscriptions/stop?contentType=Audit.AzureActiveDirectory";
const CONTENT: &str = "subscriptions/content?contentType=Audit.AzureActiveDirectory";

/// Dana gives Sarah an E3.
fn licence(desk: &Desk) {
    let sku = desk.sku("SPE_E3");
    let body = json!({"addLicenses": [{"skuId": sku}], "removeLicenses": []});
    desk.send("POST", "users/sarah.lin@contoso.com/assignLicense", body).unwrap();
}

#[test]
fn what_happens_after_the_start_is_fetched_as_a_blob_once_the_delay_is_over() {
    let desk = desk();
    desk.world().tenant.audit.delay = std::time::Duration::from_secs(60);
    let (status, body, _) = send(&desk, "POST", START);
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({
            "contentType": "Audit.AzureActiveDirectory",
            "status": "enabled",
            "webhook": null,
        })
    );
    licence(&desk);
    assert_eq!(send(&desk, "GET", CONTENT).1, json!([]), "not visible yet");
    desk.wait(SignedDuration::from_secs(61));
    let (_, blobs, next) = send(&desk, "GET", CONTENT);
    let [blob] = blobs.as_array().unwrap().as_slice() else { panic!("{blobs}") };
    assert_eq!((blob["contentType"].as_str(), next), (Some("Audit.AzureActiveDirectory"), None));
    let uri = blob["contentUri"].as_str().unwrap().strip_prefix("https://manage.office.com");
    let (status, records, _) = at(&desk, "GET", uri.unwrap());
    assert_eq!(status, 200);
    let operations: Vec<_> =
        records.as_array().unwrap().iter().map(|record| record["Operation"].clone()).collect();
    assert_eq!(operations, ["Change user license.", "Update user."]);
    assert_eq!(records[0]["InterSystemsId"], records[1]["InterSystemsId"]);
    assert_eq!(records[0]["UserId"], "dana@contoso.com");
    assert_eq!(records[0]["UserType"], 0);
    desk.wait(KEPT);
    assert_eq!(at(&desk, "GET", uri.unwrap()).1["error"]["code"], "AF20051");
}

#[test]
fn a_feed_that_is_not_on_gives_nothing_and_says_so() {
    let desk = desk();
    for operation in [CONTENT, "audit/1$1$a$b$c"] {
        assert_eq!(code(&desk, "GET", operation), "AF20022");
    }
    assert_eq!(code(&desk, "POST", STOP), "AF20022");
    send(&desk, "POST", START);
    assert_eq!(code(&desk, "POST", START), "AF20024");
    assert_eq!(send(&desk, "GET", "subscriptions/list").1[0]["status"], "enabled");
    licence(&desk);
    assert_eq!(send(&desk, "POST", STOP).0, 200);
    assert_eq!(send(&desk, "GET", "subscriptions/list").1[0]["status"], "disabled");
    assert_eq!(code(&desk, "GET", CONTENT), "AF20022");
    desk.wait(SignedDuration::from_secs(5));
    send(&desk, "POST", START);
    assert_eq!(send(&desk, "GET", CONTENT).1, json!([]), "what came before the restart is lost");
}

#[test]
fn content_types_times_and_ids_are_checked() {
    let desk = desk();
    send(&desk, "POST", START);
    assert_eq!(code(&desk, "POST", "subscriptions/start"), "AF20001");
    assert_eq!(code(&desk, "POST", "subscriptions/start?contentType=Audit.Teams"), "AF20020");
    let now = desk.world().now();
    let ago = |hours| {
        let at = now.saturating_sub(SignedDuration::from_hours(hours)).unwrap();
        record::without_zone(at)
    };
    let window =
        |from: i64, until: i64| format!("{CONTENT}&startTime={}&endTime={}", ago(from), ago(until));
    assert_eq!(send(&desk, "GET", &window(24, 0)).0, 200);
    for bad in [
        window(25, 0),
        window(0, 24),
        window(24 * 8, 24 * 8 - 1),
        format!("{CONTENT}&startTime={}", ago(1)),
    ] {
        assert_eq!(code(&desk, "GET", &bad), "AF20030", "{bad}");
    }
    let bad = format!("{CONTENT}&startTime=soon&endTime=later");
    assert_eq!(code(&desk, "GET", &bad), "AF20002");
    for good in [
        "startTime=2020-01-01&endTime=2020-01-02",
        "startTime=2020-01-01T10:00&endTime=2020-01-01T11:00",
    ] {
        // Readable, but long ago.
        assert_eq!(code(&desk, "GET", &format!("{CONTENT}&{good}")), "AF20030", "{good}");
    }
    assert_eq!(code(&desk, "GET", &format!("{CONTENT}&nextPage=x")), "AF20031");
    assert_eq!(code(&desk, "GET", "audit/x"), "AF20052");
    assert_eq!(code(&desk, "GET", "audit/1$1$a$b$c"), "AF20050");
}

#[test]
fn more_blobs_than_a_page_holds_are_linked_and_each_comes_once() {
    let desk = desk();
    send(&desk, "POST", START);
    let sku = desk.sku("SPE_E3");
    let many = PAGE + 3;
    for at in 0..many {
        let (add, remove) = if at % 2 == 0 { (Some(sku), None) } else { (None, Some(sku)) };
        let add: Vec<_> = add.iter().map(|sku| json!({"skuId": sku})).collect();
        let remove: Vec<_> = remove.iter().collect();
        let body = json!({"addLicenses": add, "removeLicenses": remove});
        desk.send("POST", "users/sarah.lin@contoso.com/assignLicense", body).unwrap();
    }
    let (_, first, next) = send(&desk, "GET", CONTENT);
    assert_eq!(first.as_array().unwrap().len(), PAGE);
    let next = next.unwrap();
    let (_, second, end) =
        at(&desk, "GET", next.strip_prefix("https://manage.office.com").unwrap());
    assert_eq!(second.as_array().unwrap().len(), 3);
    assert_eq!(end, None);
    let ids: std::collections::BTreeSet<_> = [first, second]
        .iter()
        .flat_map(|page| page.as_array().unwrap())
        .map(|blob| blob["contentId"].to_string())
        .collect();
    assert_eq!(ids.len(), many);
}

#[test]
fn the_token_must_carry_the_permission_and_the_address_the_tenant() {
    let mut desk = desk();
    let feed = |tenant: &str| format!("/api/v1.0/{tenant}/activity/feed/subscriptions/list");
    let code = |desk: &Desk, tenant: &str| {
        let (_, body, _) = at(desk, "GET", &feed(tenant));
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(code(&desk, "contoso.com"), "AF20013");
    assert_eq!(code(&desk, "72f988bf-86f1-41af-91ab-2d7cd011db47"), "AF20010");
    desk.may(&["ServiceHealth.Read"]);
    let own = desk.world().tenant.id.to_string();
    assert_eq!(code(&desk, &own), "AF10001");
    assert_eq!(at(&desk, "GET", "/api/v1.0/x").0, 404);
}
