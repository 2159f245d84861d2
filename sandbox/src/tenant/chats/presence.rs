use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// What others see of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) availability: &'static str,
    pub(crate) activity: &'static str,
}

/// What an app may set with `setPresence`.
pub(crate) const SET: [Presence; 4] = [
    Presence { availability: "Available", activity: "Available" },
    Presence { availability: "Busy", activity: "InACall" },
    Presence { availability: "Busy", activity: "InAConferenceCall" },
    Presence { availability: "Away", activity: "Away" },
];

/// What a person may prefer with `setUserPreferredPresence`.
pub(crate) const PREFERRED: [Presence; 6] = [
    Presence { availability: "Available", activity: "Available" },
    Presence { availability: "Busy", activity: "Busy" },
    Presence { availability: "DoNotDisturb", activity: "DoNotDisturb" },
    Presence { availability: "BeRightBack", activity: "BeRightBack" },
    Presence { availability: "Away", activity: "Away" },
    Presence { availability: "Offline", activity: "OffWork" },
];

const OFFLINE: Presence = Presence { availability: "Offline", activity: "Offline" };
const INACTIVE: Presence = Presence { availability: "AvailableInactive", activity: "Available" };
const AWAY: Presence = Presence { availability: "Away", activity: "Away" };

/// `Available` without a refresh becomes inactive after this, whatever its expiration.
const FADES_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// And away after this.
const AWAY_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// A note shown next to the presence.
#[derive(Clone, Debug)]
pub(crate) struct StatusMessage {
    pub(crate) content: String,
    pub(crate) content_type: &'static str,
    pub(crate) published: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    presence: Presence,
    set: Timestamp,
    expires: Timestamp,
}

#[derive(Debug, Default)]
struct Person {
    /// One per app, keyed by the id the app gave; a Teams client counts as one.
    sessions: BTreeMap<String, Session>,
    preferred: Option<(Presence, Timestamp)>,
    status: Option<StatusMessage>,
}

/// Everybody's presence.
#[derive(Debug, Default)]
pub(crate) struct Presences(HashMap<Uuid, Person>);

impl Presences {
    /// Presence as it is now. The person's own choice beats what apps set, but only while some
    /// session exists; without any, they are offline.
    pub(crate) fn of(&self, user: Uuid, now: Timestamp) -> Presence {
        let Some(person) = self.0.get(&user) else { return OFFLINE };
        let strongest = person
            .sessions
            .values()
            .filter(|session| now < session.expires)
            .map(|session| session.faded(now))
            .max_by_key(|presence| rank(presence.availability));
        match (strongest, person.preferred) {
            (Some(_), Some((preferred, expires))) if now < expires => preferred,
            (Some(presence), _) => presence,
            (None, _) => OFFLINE,
        }
    }

    /// The note, unless it has expired.
    pub(crate) fn status(&self, user: Uuid, now: Timestamp) -> Option<&StatusMessage> {
        let status = self.0.get(&user)?.status.as_ref()?;
        status.expires.is_none_or(|expires| now < expires).then_some(status)
    }

    /// Starts or refreshes a session.
    pub(crate) fn set(
        &mut self,
        user: Uuid,
        session: &str,
        presence: Presence,
        now: Timestamp,
        lasts: SignedDuration,
    ) {
        let expires = now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        let sessions = &mut self.0.entry(user).or_default().sessions;
        sessions.retain(|_, other| now < other.expires);
        sessions.insert(session.to_owned(), Session { presence, set: now, expires });
    }

    /// Ends a session; false when there was none.
    pub(crate) fn clear(&mut self, user: Uuid, session: &str) -> bool {
        self.0.get_mut(&user).is_some_and(|person| person.sessions.remove(session).is_some())
    }

    /// Sets or (with `None`) takes back what the person prefers to be seen as.
    pub(crate) fn prefer(&mut self, user: Uuid, preferred: Option<(Presence, Timestamp)>) {
        self.0.entry(user).or_default().preferred = preferred;
    }

    pub(crate) fn note(&mut self, user: Uuid, status: Option<StatusMessage>) {
        self.0.entry(user).or_default().status = status;
    }
}

impl Session {
    fn faded(&self, now: Timestamp) -> Presence {
        let age = now.duration_since(self.set);
        if self.presence.availability != "Available" || age < FADES_AFTER {
            self.presence
        } else if age < AWAY_AFTER {
            INACTIVE
        } else {
            AWAY
        }
    }
}

/// Which of several sessions others see.
fn rank(availability: &str) -> u8 {
    match availability {
        "DoNotDisturb" => 4,
        "Busy" => 3,
        "Available" => 2,
        "AvailableInactive" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Uuid = Uuid::from_u128(1);

    fn after(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn available_fades_although_its_session_lives_on_and_ends_offline() {
        let mut presences = Presences::default();
        presences.set(USER, "app", SET[0], after(0), SignedDuration::from_hours(1));
        let seen = [0, 4, 5, 9, 10, 59, 60].map(|m| presences.of(USER, after(m)).availability);
        assert_eq!(
            seen,
            [
                "Available",
                "Available",
                "AvailableInactive",
                "AvailableInactive",
                "Away",
                "Away",
                "Offline"
            ]
        );
    }

    #[test]
    fn the_strongest_session_is_seen_and_the_persons_choice_beats_it_only_while_one_exists() {
        let mut presences = Presences::default();
        let hour = SignedDuration::from_hours(1);
        let preferred = (PREFERRED[2], after(1000));
        presences.prefer(USER, Some(preferred));
        assert_eq!(presences.of(USER, after(0)), OFFLINE);
        presences.prefer(USER, None);
        presences.set(USER, "one", SET[0], after(0), hour);
        presences.set(USER, "two", SET[1], after(0), hour);
        assert_eq!(presences.of(USER, after(1)), SET[1]);
        presences.prefer(USER, Some(preferred));
        assert_eq!(presences.of(USER, after(1)), PREFERRED[2]);
        assert!(presences.clear(USER, "one") && presences.clear(USER, "two"));
        assert_eq!(presences.of(USER, after(1)), OFFLINE);
    }
}
