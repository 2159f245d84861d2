//! After the end: whatever could be left of a twin is looked for, with no help from what the log
//! says was taken away.

use serde::Serialize;
use serde_json::Value;

use super::look::{Eye, Known};
use super::wish::{OnboardStep, Registration, Wish};
use crate::graph::{Graph, GraphError, Read, literal, segment, user_path};
use crate::steps::{Mark, Steps};

/// One thing that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remain {
    /// What was looked for.
    pub what: String,
    /// How, so that it can be looked for again.
    pub looked_at: String,
    /// What was found; empty when nothing was.
    pub found: Vec<String>,
    /// Whether it is expected to be there: it was there before, or lies in the bin.
    pub expected: bool,
}

/// Looks for everything that could be left of a twin: its account by name and id, registrations by
/// tag, enterprise applications by client id, consents, roles and app assignments by id.
///
/// # Errors
/// When Graph does not answer, or the token does not let look.
pub async fn remains(
    graph: &Graph,
    wish: &Wish,
    steps: &Steps<OnboardStep>,
) -> Result<Vec<Remain>, GraphError> {
    let eye = Eye { graph, wish, run: Some(steps.run()) };
    let known = Known::of(steps);
    let stays = |step: &OnboardStep| {
        matches!(steps.mark(step), Some(Mark::Found(_) | Mark::Changed { .. }))
    };
    let account_stays = stays(&OnboardStep::User);
    let mut all = Vec::new();
    let mut put = |what: String, looked_at: String, found: Vec<String>, expected: bool| {
        all.push(Remain { what, looked_at, found, expected });
    };

    let path = user_path(&wish.upn);
    let read = Read::at(path.as_str()).option("$select", "id");
    let found = ids(graph.find::<Value>(&read).await?.as_ref());
    put(format!("the account {}", wish.upn), format!("GET {path}"), found, account_stays);

    let mut accounts = steps.taken(&OnboardStep::User);
    accounts.extend(known.id(&OnboardStep::User).map(str::to_owned));
    accounts.sort();
    accounts.dedup();
    for id in accounts {
        let bin = format!("/v1.0/directory/deletedItems/{}", segment(&id));
        let found = match graph.find::<Value>(&Read::at(bin.as_str())).await {
            Ok(found) => ids(found.as_ref()),
            // Not every administrator may look into the bin.
            Err(error) if error.refused().is_some() => vec!["not told".to_owned()],
            Err(GraphError::Unknown { .. }) => vec!["not told".to_owned()],
            Err(error) => return Err(error),
        };
        put("the account in the bin, for 30 days".to_owned(), format!("GET {bin}"), found, true);

        let filter = format!("principalId eq {}", literal(&id));
        let path = "/v1.0/roleManagement/directory/roleAssignments";
        let found: Vec<Value> = graph.list(&Read::at(path).option("$filter", &filter), 20).await?;
        let looked_at = format!("GET {path}?$filter={filter}");
        put("its directory roles".to_owned(), looked_at, each(&found), account_stays);

        let path = "/v1.0/oauth2PermissionGrants";
        let found: Vec<Value> = graph.list(&Read::at(path).option("$filter", &filter), 20).await?;
        let looked_at = format!("GET {path}?$filter={filter}");
        put("consents for it".to_owned(), looked_at, each(&found), account_stays);
    }
    for which in Registration::BOTH {
        let tag = wish.tag(which);
        let found = eye.tagged(&tag).await?.into_iter().map(|app| app.id).collect();
        let looked_at = format!("GET /v1.0/applications?$filter=tags/any(t:t eq '{tag}')");
        let what = format!("the {} registration", which.name());
        put(what, looked_at, found, stays(&OnboardStep::App(which)));
    }
    let run = Wish::run_tag(steps.run());
    let found = eye.tagged(&run).await?.into_iter().map(|app| app.id).collect();
    let looked_at = format!("GET /v1.0/applications?$filter=tags/any(t:t eq '{run}')");
    put("registrations of this run, whatever they are called".to_owned(), looked_at, found, false);

    let path = "/v1.0/servicePrincipals";
    for which in Registration::BOTH {
        let name = wish.app_name(which);
        let filter = format!("displayName eq {}", literal(&name));
        let found: Vec<Value> = graph.list(&Read::at(path).option("$filter", &filter), 20).await?;
        put(
            format!("the {} enterprise application", which.name()),
            format!("GET {path}?$filter={filter}"),
            each(&found),
            stays(&OnboardStep::Principal(which)),
        );
    }
    Ok(all)
}

fn ids(found: Option<&Value>) -> Vec<String> {
    found.into_iter().map(id).collect()
}

fn each(found: &[Value]) -> Vec<String> {
    found.iter().map(id).collect()
}

fn id(one: &Value) -> String {
    one.get("id").and_then(Value::as_str).unwrap_or("something").to_owned()
}
