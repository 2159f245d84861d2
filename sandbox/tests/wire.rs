use std::time::Duration;

use serde_json::{Value, json};
use subtwin_sandbox::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cloud::{CLI, Cloud, GRAPH, LOGIN, read};

/// Sends bytes on a connection of their own and reads until the end.
async fn raw(cloud: &Cloud, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(cloud.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("an end").expect("bytes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_proxied_client_reaches_every_cloud_host_over_tls() {
    let cloud = Cloud::start().await;
    for host in ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com"] {
        let answer = cloud
            .get(&format!("https://{host}/common/v2.0/.well-known/openid-configuration"))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let endpoint = answer.text_of("token_endpoint");
        assert_eq!(endpoint, format!("https://{host}/common/oauth2/v2.0/token"));
    }
    assert_eq!(cloud.get(&format!("{GRAPH}/v1.0/users")).await.status, 401);
    // Of these, only that they answer, and nobody without a token.
    for address in
        ["https://management.azure.com/subscriptions", "https://main.iam.ad.ext.azure.com/api/x"]
    {
        assert_eq!(cloud.get(address).await.status, 401, "{address}");
    }
}

#[tokio::test]
async fn the_same_services_answer_on_localhost_by_path() {
    let cloud = Cloud::start().await;
    let port = cloud.address().port();
    for origin in [format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}")] {
        let url = format!("{origin}/contoso.com/v2.0/.well-known/openid-configuration");
        let answer = cloud.send(cloud.direct().get(url)).await;
        assert!(answer.text_of("token_endpoint").starts_with(&origin), "{answer:?}");
        let graph = cloud.send(cloud.direct().get(format!("{origin}/v1.0/users"))).await;
        assert_eq!(graph.json()["error"]["code"], "InvalidAuthenticationToken", "{graph:?}");
    }
    let plain = cloud.send(cloud.direct().get(format!("http://127.0.0.1:{port}/beta/users"))).await;
    assert_eq!(plain.status, 401);
}

#[tokio::test]
async fn other_hosts_are_refused_in_words() {
    let cloud = Cloud::start().await;
    for (request, status) in [
        (
            "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nConnection: close\r\n\r\n",
            "502",
        ),
        (
            "CONNECT graph.microsoft.com:22 HTTP/1.1\r\nHost: graph.microsoft.com:22\r\nConnection: close\r\n\r\n",
            "502",
        ),
        ("CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n", "502"),
        (
            "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
            "421",
        ),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "421"),
    ] {
        let answer = raw(&cloud, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
        assert!(answer.contains("This is a sandbox tenant."), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let cloud = Cloud::start().await;
    let one = "GET /v1.0/users HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /v1.0/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = raw(&cloud, format!("{one}{one}{last}").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 401").count(), 3, "{answer}");
}

#[tokio::test]
async fn a_head_request_gets_the_headers_only() {
    let cloud = Cloud::start().await;
    let request =
        "HEAD /common/discovery/v2.0/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = raw(&cloud, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.to_lowercase().contains("content-length: ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_is_too_large_or_no_http_is_refused() {
    let cloud = Cloud::start().await;
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    let answer = raw(&cloud, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let answer = raw(&cloud, b"\x01\x02\x03\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{answer}");
    // A TLS record that is none.
    assert!(!raw(&cloud, b"\x16\x03\x01\x00\x05hello").await.contains("HTTP"));

    let url = format!("http://{}/common/oauth2/v2.0/token", cloud.address());
    let answer = cloud.send(cloud.direct().post(url).body(vec![b'a'; 9 * 1024 * 1024])).await;
    assert_eq!(answer.status, 413, "{answer:?}");
}

#[tokio::test]
async fn the_ca_is_written_where_clients_can_find_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let ca_dir = dir.path().join("certificates");
    let cloud = Cloud::with(Settings { ca_dir: Some(ca_dir.clone()), ..Settings::default() }).await;
    let written = std::fs::read_to_string(ca_dir.join("ca.pem")).expect("ca.pem");
    assert_eq!(written, cloud.running.ca_pem);
    assert_eq!(std::fs::read_dir(ca_dir).expect("a directory").count(), 1, "nothing half-written");
}

#[tokio::test]
async fn a_stop_ends_open_connections_and_frees_the_port() {
    let cloud = Cloud::start().await;
    let address = cloud.address();
    let mut idle = TcpStream::connect(address).await.expect("a connection");
    let mut half = TcpStream::connect(address).await.expect("a connection");
    half.write_all(
        b"POST /common/oauth2/v2.0/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
    )
    .await
    .expect("sent");
    let stopping = tokio::time::timeout(Duration::from_secs(10), cloud.running.stop());
    stopping.await.expect("a bounded stop");
    let mut byte = [0];
    assert!(matches!(idle.read(&mut byte).await, Ok(0) | Err(_)));
    drop(half);
    assert!(TcpStream::connect(address).await.is_err(), "still listening");
}

#[tokio::test]
async fn captured_exchanges_hold_no_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("exchanges.jsonl");
    let cloud = Cloud::with(Settings { capture: Some(file.clone()), ..Settings::default() }).await;
    let answer = cloud.password(CLI, "doug@contoso.com", "User.Read offline_access openid").await;
    let access = answer.text_of("access_token");
    let refresh = answer.text_of("refresh_token");
    let body = json!({"clientState": "very-secret-state", "nested": {"password": "hunter22"}});
    let url = format!("{GRAPH}/v1.0/planner/tasks?x=1");
    let post = cloud.request(reqwest::Method::POST, &url).bearer_auth(&access).json(&body);
    cloud.send(post).await;
    cloud
        .get(&format!("{LOGIN}/contoso.com/oauth2/v2.0/authorize?code=abc123&client_id={CLI}"))
        .await;
    cloud.running.stop().await;

    let text = std::fs::read_to_string(&file).expect("a file");
    for secret in [&access, &refresh, "Sandbox!1", "very-secret-state", "hunter22", "abc123"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0]["body"]["username"], "doug@contoso.com");
    assert_eq!(lines[0]["body"]["password"], "(masked)");
    assert_eq!(lines[0]["resp"]["access_token"], "(masked)");
    assert_eq!(lines[1]["m"], "POST");
    assert_eq!(lines[1]["url"], url.as_str());
    assert_eq!(lines[1]["body"]["clientState"], "(masked)");
    assert_eq!(lines[1]["resp"]["error"]["code"], "SandboxNotImplemented");
}

#[tokio::test]
async fn a_slow_cloud_answers_late() {
    let cloud = Cloud::start().await;
    cloud.faults(json!({"slowMs": 300})).await;
    let url = format!("http://{}/v1.0/users", cloud.address());
    let impatient = cloud.direct().get(&url).timeout(Duration::from_millis(100)).send().await;
    assert!(impatient.is_err_and(|error| error.is_timeout()));
    let patient = cloud.direct().get(&url).send().await.expect("an answer");
    assert_eq!(read(patient).await.status, 401);
}
