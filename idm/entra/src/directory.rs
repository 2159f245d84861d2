use async_trait::async_trait;
use futures_util::future::join;
use jiff::SignedDuration;
use subtwin_kernel::{Group, GroupId, Licence, Person, UserId};
use subtwin_understand::{Directory, LookupError};

use crate::entra::Entra;
use crate::graph::{GraphError, Read, literal, search_phrase, user_path};
use crate::wire::{Found, Sku, User, WireGroup};

#[async_trait]
impl Directory for Entra {
    async fn people(&self, name: &str) -> Result<Vec<Person>, LookupError> {
        let name = bounded(name);
        let found = if name.is_empty() {
            Ok(Vec::new())
        } else if let Ok(id) = name.parse::<UserId>() {
            self.user(&id.to_string()).await.map(|user| user.into_iter().collect())
        } else if name.contains('@') {
            self.people_by_address(&name).await
        } else {
            self.people_by_name(&name).await
        };
        let found = found.map_err(|cause| failed(format!("people named `{name}`"), cause))?;
        Ok(best_first(found.iter().map(User::person).collect(), &name))
    }

    async fn person(&self, id: UserId) -> Result<Option<Person>, LookupError> {
        let found = self.user(&id.to_string()).await;
        let found = found.map_err(|cause| failed(format!("person {id}"), cause))?;
        Ok(found.map(|user| user.person()))
    }

    async fn manager(&self, of: UserId) -> Result<Option<Person>, LookupError> {
        let found = self.manager_of(of).await;
        found.map_err(|cause| failed(format!("the manager of {of}"), cause))
    }

    async fn groups(&self, name: &str) -> Result<Vec<Group>, LookupError> {
        let name = bounded(name);
        let found = if name.is_empty() {
            Ok(Vec::new())
        } else if let Ok(id) = name.parse::<GroupId>() {
            self.wire_group(id).await.map(|group| group.into_iter().collect())
        } else {
            self.groups_by_name(&name).await
        };
        let found = found.map_err(|cause| failed(format!("groups named `{name}`"), cause))?;
        let mut groups: Vec<Group> = Vec::new();
        for group in found.iter().map(WireGroup::group) {
            if groups.len() < MOST && groups.iter().all(|seen| seen.id != group.id) {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    async fn group(&self, id: GroupId) -> Result<Option<Group>, LookupError> {
        let found = self.wire_group(id).await;
        let found = found.map_err(|cause| failed(format!("group {id}"), cause))?;
        Ok(found.map(|group| group.group()))
    }

    async fn licences(&self) -> Result<Vec<Licence>, LookupError> {
        let now = self.0.clock.now();
        let products = || self.0.products.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((at, known)) = &*products()
            && now.duration_since(*at).abs() < FRESH
        {
            return Ok(known.clone());
        }
        let skus =
            self.skus().await.map_err(|cause| failed("the tenant's licences".to_owned(), cause))?;
        let known: Vec<Licence> =
            skus.iter().filter(|sku| sku.is_for_people()).map(Sku::licence).collect();
        *products() = Some((now, known.clone()));
        Ok(known)
    }
}

impl Entra {
    /// One user by object id or UPN.
    async fn user(&self, key: &str) -> Result<Option<User>, GraphError> {
        self.graph().find(&Read::at(user_path(key)).option("$select", User::SELECT)).await
    }

    pub(crate) async fn person_by_id(&self, id: UserId) -> Result<Option<Person>, GraphError> {
        Ok(self.user(&id.to_string()).await?.map(|user| user.person()))
    }

    pub(crate) async fn manager_of(&self, user: UserId) -> Result<Option<Person>, GraphError> {
        let path = format!("/v1.0/users/{user}/manager");
        let read = Read::at(path).option("$select", User::SELECT);
        let found: Option<User> = self.graph().find(&read).await?;
        Ok(found.map(|user| user.person()))
    }

    pub(crate) async fn wire_group(&self, id: GroupId) -> Result<Option<WireGroup>, GraphError> {
        let path = format!("/v1.0/groups/{id}");
        self.graph().find(&Read::at(path).option("$select", WireGroup::SELECT)).await
    }

    pub(crate) async fn skus(&self) -> Result<Vec<Sku>, GraphError> {
        self.graph().list(&Read::at("/v1.0/subscribedSkus"), 5).await
    }

    /// A UPN names one account; else a mail address may.
    async fn people_by_address(&self, address: &str) -> Result<Vec<User>, GraphError> {
        let quoted = literal(address);
        let filter = format!("mail eq {quoted} or userPrincipalName eq {quoted}");
        let (exact, found) = join(self.user(address), self.users("$filter", &filter, MOST)).await;
        // What is no well-formed UPN is refused with 400, and may still be a mail address.
        match exact {
            Ok(Some(user)) => Ok(vec![user]),
            Ok(None) | Err(GraphError::Refused { .. }) => found,
            Err(error) => Err(error),
        }
    }

    /// The search index finds words inside a name; where it finds nothing or is not to be had,
    /// names that start with it.
    async fn people_by_name(&self, name: &str) -> Result<Vec<User>, GraphError> {
        let read = Read::at("/v1.0/users")
            .option("$search", &search_phrase("displayName", name))
            .option("$count", "true")
            .option("$top", PAGE)
            .option("$select", User::SELECT)
            .eventual();
        match self.graph().get::<Found<User>>(&read).await {
            Ok(found) if !found.value.is_empty() => return Ok(found.value),
            Ok(_) => {}
            Err(error) if error.refused().is_some_and(|refused| refused.status == 400) => {}
            Err(error) => return Err(error),
        }
        let start = literal(name);
        let filter = ["displayName", "givenName", "surname"]
            .map(|property| format!("startswith({property},{start})"))
            .join(" or ");
        self.users("$filter", &filter, MOST).await
    }

    async fn users(&self, option: &str, value: &str, top: usize) -> Result<Vec<User>, GraphError> {
        let read = Read::at("/v1.0/users")
            .option(option, value)
            .option("$top", &top.to_string())
            .option("$select", User::SELECT);
        Ok(self.graph().get::<Found<User>>(&read).await?.value)
    }

    pub(crate) async fn groups_by_name(&self, name: &str) -> Result<Vec<WireGroup>, GraphError> {
        let quoted = literal(name);
        let exact = if name.contains('@') {
            format!("mail eq {quoted}")
        } else {
            format!("displayName eq {quoted}")
        };
        let read = |filter: &str| {
            Read::at("/v1.0/groups")
                .option("$filter", filter)
                .option("$top", &MOST.to_string())
                .option("$select", WireGroup::SELECT)
        };
        let (exact, start) = (read(&exact), read(&format!("startswith(displayName,{quoted})")));
        let (exact, start) = join(
            self.graph().get::<Found<WireGroup>>(&exact),
            self.graph().get::<Found<WireGroup>>(&start),
        )
        .await;
        let mut all = exact?.value;
        all.extend(start?.value);
        Ok(all)
    }
}

/// What somebody typed, as far as it can be a name.
fn bounded(name: &str) -> String {
    name.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Exact names first, then colleagues who can sign in, then the rest; the same order every time.
fn best_first(mut people: Vec<Person>, name: &str) -> Vec<Person> {
    let name = name.to_lowercase();
    people.sort_by_cached_key(|person| {
        (
            person.display_name.to_lowercase() != name,
            person.guest,
            !person.enabled,
            person.display_name.to_lowercase(),
            person.upn.to_lowercase(),
        )
    });
    people.truncate(MOST);
    people
}

fn failed(what: String, cause: GraphError) -> LookupError {
    LookupError { what, cause: cause.into() }
}

/// One more than is ever listed to a person, so that "and others" can be said.
const MOST: usize = 6;
/// The index does not rank, so more are read than are given back.
const PAGE: &str = "25";
const FRESH: SignedDuration = SignedDuration::from_secs(5);
