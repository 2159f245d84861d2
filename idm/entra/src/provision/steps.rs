//! What each step looks for, makes and deletes.

use serde_json::{Value, json};

use super::made::{Thing, Things};
use super::{Because, Failed, KEY, Provisioning, Stage, Stuck};
use crate::onboard::{TEAMS, offered};
use crate::session::agent_token;
use crate::token::{ClientKey, Facets};
use crate::{Graph, GraphError, Read, Tokens, literal, segment, user_path};

impl Provisioning {
    /// What a step has made already, if it is there.
    pub(super) async fn find(&self, stage: Stage, made: &Things) -> Result<Option<Thing>, Failed> {
        match stage {
            Stage::Blueprint => {
                let named = format!("displayName eq {}", literal(&made.mark));
                let read = Read::at(BLUEPRINTS).option("$filter", &named);
                let first = self.first(&read).await?;
                Ok(first.and_then(|it| thing_with_app(&it)))
            }
            Stage::Principal => {
                let app = made.blueprint_app().ok_or_else(lost)?;
                let read = Read::at("/v1.0/servicePrincipals")
                    .option("$filter", &format!("appId eq '{app}'"));
                Ok(self.first(&read).await?.and_then(|it| thing(&it)))
            }
            Stage::Certificate => {
                let Some(key) = self.key().await? else { return Ok(None) };
                let blueprint = made.id(Stage::Blueprint).ok_or_else(lost)?;
                let there = self.certificates(blueprint).await?;
                let id = key.id.to_string();
                let known = there.iter().any(|it| text(it, "keyId") == Some(id.as_str()));
                Ok(known.then(|| Thing::new(id)))
            }
            Stage::Identity => {
                let app = made.blueprint_app().ok_or_else(lost)?.to_string();
                let named = format!("displayName eq {}", literal(&self.order.name));
                let read = Read::at(IDENTITIES).option("$filter", &named);
                let all: Vec<Value> = self.provisioner.list(&read, PAGES).await?;
                let ours = all
                    .iter()
                    .find(|it| text(it, "agentIdentityBlueprintId") == Some(app.as_str()));
                Ok(ours.and_then(thing_with_app))
            }
            Stage::User => {
                let parent = made.id(Stage::Identity).ok_or_else(lost)?;
                let read = Read::at(AGENT_USERS)
                    .option("$filter", &format!("identityParentId eq '{parent}'"));
                Ok(self.first(&read).await?.and_then(|it| thing(&it)))
            }
            Stage::Consent => {
                let Some(grant) = self.grant(made).await? else { return Ok(None) };
                let scope = text(&grant, "scope").unwrap_or_default();
                let given: Vec<&str> = scope.split_ascii_whitespace().collect();
                let all = self.order.scopes.iter().all(|wanted| given.contains(&wanted.as_str()));
                Ok(thing(&grant).filter(|_| all))
            }
            Stage::Licence => {
                let user = made.id(Stage::User).ok_or_else(lost)?;
                let read = Read::at(format!("{}/licenseDetails", user_path(user)));
                let all: Vec<Value> = self.provisioner.list(&read, PAGES).await?;
                let with_teams = all.iter().find(|it| {
                    let plans = it.get("servicePlans").and_then(Value::as_array);
                    plans
                        .into_iter()
                        .flatten()
                        .any(|it| text(it, "servicePlanId") == Some(TEAMS.to_string().as_str()))
                });
                Ok(with_teams.and_then(|it| text(it, "skuId")).map(Thing::new))
            }
            Stage::Ready => {
                // Reading is what Teams refuses an account it does not know.
                let chats = Read::at("/v1.0/me/chats").option("$top", "1");
                let _: Value = self.as_agent(made).await?.get(&chats).await?;
                Ok(Some(Thing::new("teams")))
            }
            Stage::Checked => self.check(made).await.map(Some),
        }
    }

    /// Makes what a step is to make. The caller has looked before.
    pub(super) async fn make(&self, stage: Stage, made: &Things) -> Result<Thing, Failed> {
        let order = &self.order;
        let person = format!("{}/v1.0/users/{}", self.provisioner.address(), order.sponsor);
        match stage {
            Stage::Blueprint => {
                let body = json!({
                    "displayName": made.mark,
                    "sponsors@odata.bind": [person],
                    "owners@odata.bind": [person],
                });
                let answer = self.provisioner.post(BLUEPRINTS, Some(&body)).await?;
                thing_with_app(&answer.body).ok_or_else(|| odd(stage, "it has no id"))
            }
            Stage::Principal => {
                let app = made.blueprint_app().ok_or_else(lost)?;
                self.post(stage, PRINCIPALS, &json!({"appId": app.to_string()})).await
            }
            Stage::Certificate => {
                let blueprint = made.id(Stage::Blueprint).ok_or_else(lost)?;
                let key = self.first_key().await?;
                self.register(blueprint, &[&key]).await?;
                Ok(Thing::new(key.id.to_string()))
            }
            Stage::Identity => {
                let app = made.blueprint_app().ok_or_else(lost)?;
                let body = json!({
                    "displayName": order.name,
                    "agentIdentityBlueprintId": app.to_string(),
                    "sponsors@odata.bind": [person],
                });
                // Only its blueprint makes an identity.
                let graph = self.as_blueprint(made).await?;
                let answer = graph.post(IDENTITIES, Some(&body)).await?;
                thing_with_app(&answer.body).ok_or_else(|| odd(stage, "it has no id"))
            }
            Stage::User => {
                let parent = made.id(Stage::Identity).ok_or_else(lost)?;
                let nickname = order.upn.split('@').next().unwrap_or_default();
                let body = json!({
                    "accountEnabled": true,
                    "displayName": order.name,
                    "mailNickname": nickname,
                    "userPrincipalName": order.upn,
                    "identityParentId": parent,
                });
                match self.post(stage, AGENT_USERS, &body).await {
                    Err(Failed::Graph(error)) if error.refused().is_some() => {
                        Err(self.why_no_account(error).await)
                    }
                    made => made,
                }
            }
            Stage::Consent => self.consent(made).await,
            Stage::Licence => self.license(made).await,
            // Only looked for.
            Stage::Ready => Err(Stuck::at(stage, Because::NotReady).into()),
            Stage::Checked => Err(odd(stage, "it cannot be checked")),
        }
    }

    pub(super) async fn delete(&self, stage: Stage, made: &Things) -> Result<(), GraphError> {
        let id = segment(made.id(stage).unwrap_or_default());
        let path = match stage {
            Stage::Consent => format!("/v1.0/oauth2PermissionGrants/{id}"),
            Stage::User => format!("/v1.0/users/{id}"),
            Stage::Identity | Stage::Principal => format!("/v1.0/servicePrincipals/{id}"),
            Stage::Blueprint => format!("/v1.0/applications/{id}"),
            // Go with what they belong to.
            Stage::Certificate | Stage::Licence | Stage::Ready | Stage::Checked => return Ok(()),
        };
        self.provisioner.delete(&path).await.map(drop)
    }

    /// Deletes blueprints of ours that a lost answer made twice.
    pub(super) async fn only_one(&self, made: &Things) {
        let named = format!("displayName eq {}", literal(&made.mark));
        let read = Read::at(BLUEPRINTS).option("$filter", &named);
        let Ok(all) = self.provisioner.list::<Value>(&read, PAGES).await else { return };
        for other in all.iter().filter_map(thing) {
            if Some(other.id.as_str()) != made.id(Stage::Blueprint) {
                tracing::warn!(id = other.id, "a blueprint was made twice; one is deleted");
                let path = format!("/v1.0/applications/{}", segment(&other.id));
                if let Err(error) = self.provisioner.delete(&path).await {
                    tracing::warn!(%error, id = other.id, "it could not be deleted");
                }
            }
        }
    }

    /// The certificates the blueprint has.
    pub(super) async fn certificates(&self, blueprint: &str) -> Result<Vec<Value>, GraphError> {
        let read = Read::at(format!("/v1.0/applications/{}", segment(blueprint)))
            .option("$select", "id,keyCredentials");
        let app: Value = self.provisioner.get(&read).await?;
        let keys = app.get("keyCredentials").and_then(Value::as_array);
        Ok(keys.cloned().unwrap_or_default())
    }

    /// Makes these the blueprint's certificates, beside those it has.
    pub(super) async fn register(
        &self,
        blueprint: &str,
        keys: &[&ClientKey],
    ) -> Result<(), GraphError> {
        let mut all = self.certificates(blueprint).await?;
        for key in keys {
            all.push(json!({
                "keyId": key.id,
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
                "displayName": "subtwin",
                "key": key.certificate,
            }));
        }
        let path = format!("/v1.0/applications/{}", segment(blueprint));
        self.provisioner.patch(&path, &json!({"keyCredentials": all})).await.map(drop)
    }

    /// Takes one certificate of the blueprint away.
    pub(super) async fn unregister(&self, blueprint: &str, key: &str) -> Result<(), GraphError> {
        let mut all = self.certificates(blueprint).await?;
        all.retain(|it| text(it, "keyId") != Some(key));
        let path = format!("/v1.0/applications/{}", segment(blueprint));
        self.provisioner.patch(&path, &json!({"keyCredentials": all})).await.map(drop)
    }

    /// The key, made and sealed before the directory hears of it.
    async fn first_key(&self) -> Result<ClientKey, Failed> {
        match self.key().await? {
            Some(key) => Ok(key),
            None => Ok(self.new_key(KEY).await?),
        }
    }

    /// Another key, sealed under `name`.
    pub(super) async fn new_key(&self, name: &str) -> Result<ClientKey, Stuck> {
        let (subject, now, days) = (self.order.name.clone(), self.clock.now(), self.order.key_days);
        let entropy = std::sync::Arc::clone(&self.entropy);
        let kept = || Stuck::at(Stage::Certificate, Because::Kept);
        let making = tokio::task::spawn_blocking(move || {
            ClientKey::generate(&subject, now, days, &*entropy)
        });
        let key = making.await.ok().and_then(Result::ok).ok_or_else(kept)?;
        self.kept.save(name, &key.to_text()).await.map_err(|_| kept())?;
        Ok(key)
    }

    async fn consent(&self, made: &Things) -> Result<Thing, Failed> {
        let scope = self.order.scopes.join(" ");
        let sent = match self.grant(made).await? {
            Some(grant) => {
                let id = text(&grant, "id").unwrap_or_default().to_owned();
                let path = format!("/v1.0/oauth2PermissionGrants/{}", segment(&id));
                let body = json!({"scope": scope});
                self.provisioner.patch(&path, &body).await.map(|_| Thing::new(id))
            }
            None => {
                let body = json!({
                    "clientId": made.id(Stage::Identity).ok_or_else(lost)?,
                    "consentType": "Principal",
                    "principalId": made.id(Stage::User).ok_or_else(lost)?,
                    "resourceId": self.graph_principal().await?,
                    "scope": scope,
                    // Not in the model any more, and some tenants refuse a grant without it.
                    "startTime": self.clock.now(),
                });
                let answer = self.provisioner.post(GRANTS, Some(&body)).await;
                answer.map(|answer| thing(&answer.body).unwrap_or_else(|| Thing::new("")))
            }
        };
        match sent {
            Ok(thing) if thing.id.is_empty() => Err(odd(Stage::Consent, "it has no id")),
            Ok(thing) => Ok(thing),
            // Whatever it says: a grant of these permissions to an agent was refused.
            Err(error) if error.refused().is_some_and(|it| it.status == 400) && !behind(&error) => {
                let stuck = Stuck::at(Stage::Consent, Because::Blocked { scopes: scope });
                Err(Stuck { cause: Some(error), ..stuck }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn license(&self, made: &Things) -> Result<Thing, Failed> {
        let stage = Stage::Licence;
        let user = user_path(made.id(Stage::User).ok_or_else(lost)?);
        let read = Read::at(user.clone()).option("$select", "id,usageLocation");
        let account: Value = self.provisioner.get(&read).await?;
        if text(&account, "usageLocation").is_none() {
            let body = json!({"usageLocation": self.order.usage_location});
            match self.provisioner.patch(&user, &body).await {
                Err(error) if error.refused().is_some_and(|it| it.status == 403) => {
                    let stuck = Stuck::at(stage, Because::UsageLocation);
                    return Err(Stuck { cause: Some(error), ..stuck }.into());
                }
                set => set.map(drop)?,
            }
        }
        let offers = offered(&self.provisioner).await?;
        let Some(seat) = offers.iter().find(|offer| offer.free > 0) else {
            let full = offers.into_iter().map(|offer| offer.name).collect();
            return Err(Stuck::at(stage, Because::NoSeat { full }).into());
        };
        let body = json!({
            "addLicenses": [{"skuId": seat.sku, "disabledPlans": []}],
            "removeLicenses": [],
        });
        self.provisioner.post(&format!("{user}/assignLicense"), Some(&body)).await?;
        Ok(Thing::new(seat.sku.to_string()))
    }

    /// Is it the account it should be, and does its token say so?
    async fn check(&self, made: &Things) -> Result<Thing, Failed> {
        let stage = Stage::Checked;
        let id = made.agent().ok_or_else(lost)?;
        let blueprint = self.blueprint(made).await?;
        let scopes = [self.cloud.graph_scope()];
        let issued = agent_token(&blueprint, id, &scopes, None).await.map_err(no_token)?;
        if let Some(facets) = Facets::read(&issued.access) {
            let right = facets.kind == "user"
                && facets.object == id.user.to_string()
                && facets.client == id.identity.to_string()
                && facets.by_agent
                && facets.about_agent_user;
            if !right {
                return Err(odd(stage, "its token does not say that it is this agent's user"));
            }
        }
        let me = Read::at("/v1.0/me").option("$select", "id,userPrincipalName");
        let me: Value = self.as_agent(made).await?.get(&me).await?;
        if text(&me, "id") != Some(id.user.to_string().as_str()) {
            return Err(odd(stage, "Graph takes it for another account"));
        }
        Ok(Thing::new(id.user.to_string()))
    }

    /// Why an account was refused.
    async fn why_no_account(&self, error: GraphError) -> Failed {
        let upn = self.order.upn.clone();
        let because = match self.provisioner.find::<Value>(&Read::at(user_path(&upn))).await {
            Ok(Some(_)) => Because::NameTaken { upn },
            Ok(None) if says(&error, "domain") => Because::Domain { upn },
            Ok(None) | Err(_) => return error.into(),
        };
        Stuck { cause: Some(error), ..Stuck::at(Stage::User, because) }.into()
    }

    /// What the agent may do, as it stands in the directory.
    async fn grant(&self, made: &Things) -> Result<Option<Value>, Failed> {
        let identity = made.id(Stage::Identity).ok_or_else(lost)?;
        let user = made.id(Stage::User).ok_or_else(lost)?;
        let read = Read::at(GRANTS)
            .option("$filter", &format!("clientId eq '{identity}' and principalId eq '{user}'"));
        Ok(self.first(&read).await?)
    }

    async fn graph_principal(&self) -> Result<String, Failed> {
        let read = Read::at("/v1.0/servicePrincipals")
            .option("$filter", &format!("appId eq '{GRAPH}'"))
            .option("$select", "id");
        let found = self.first(&read).await?;
        let id = found.as_ref().and_then(|it| text(it, "id")).map(str::to_owned);
        id.ok_or_else(|| odd(Stage::Consent, "Graph itself is not in the directory"))
    }

    /// Graph, as the blueprint.
    async fn as_blueprint(&self, made: &Things) -> Result<Graph, Stuck> {
        let tokens = Tokens::of_app(self.blueprint(made).await?, self.cloud.graph_scope());
        Ok(Graph::new(self.cloud.clone(), tokens, std::sync::Arc::clone(&self.entropy)))
    }

    /// Graph, as the agent.
    async fn as_agent(&self, made: &Things) -> Result<Graph, Failed> {
        let id = made.agent().ok_or_else(lost)?;
        let tokens = Tokens::of_agent(self.blueprint(made).await?, id, self.cloud.graph_scope());
        Ok(Graph::new(self.cloud.clone(), tokens, std::sync::Arc::clone(&self.entropy)))
    }

    async fn post(&self, stage: Stage, path: &str, body: &Value) -> Result<Thing, Failed> {
        let answer = self.provisioner.post(path, Some(body)).await?;
        thing(&answer.body).ok_or_else(|| odd(stage, "it has no id"))
    }

    async fn first(&self, read: &Read) -> Result<Option<Value>, GraphError> {
        let all: Vec<Value> = self.provisioner.list(read, PAGES).await?;
        Ok(all.into_iter().next())
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn thing(object: &Value) -> Option<Thing> {
    text(object, "id").map(Thing::new)
}

fn thing_with_app(object: &Value) -> Option<Thing> {
    let app = text(object, "appId")?.parse().ok()?;
    Some(Thing { app: Some(app), ..thing(object)? })
}

fn odd(stage: Stage, what: &str) -> Failed {
    Stuck::at(stage, Because::Odd { what: what.to_owned() }).into()
}

/// A step ran before the one it needs; or what was kept is not whole.
fn lost() -> Failed {
    Stuck::at(Stage::Blueprint, Because::Kept).into()
}

fn no_token(cause: crate::TokenError) -> Failed {
    GraphError::NoToken { operation: "get a token as the agent".to_owned(), cause: cause.into() }
        .into()
}

fn says(error: &GraphError, part: &str) -> bool {
    error.refused().is_some_and(|it| it.message.to_ascii_lowercase().contains(part))
}

/// Whether a part of the directory has not heard of something yet.
fn behind(error: &GraphError) -> bool {
    says(error, "object with id") || says(error, "does not exist") || says(error, "not found")
}

const BLUEPRINTS: &str = "/v1.0/applications/microsoft.graph.agentIdentityBlueprint";
const PRINCIPALS: &str = "/v1.0/servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal";
const IDENTITIES: &str = "/v1.0/servicePrincipals/microsoft.graph.agentIdentity";
const AGENT_USERS: &str = "/v1.0/users/microsoft.graph.agentUser";
const GRANTS: &str = "/v1.0/oauth2PermissionGrants";
/// Graph's own app id, the same in every tenant.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const PAGES: usize = 10;
