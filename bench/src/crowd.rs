use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::company::{Company, Person, TWIN};
use crate::stopwatch::Stopwatch;

/// Many people who ask the twin about one another. Nobody asks the same twice, so that every answer
/// belongs to one message.
#[derive(Debug)]
pub(crate) struct Crowd {
    askers: Vec<Person>,
    subjects: Vec<Person>,
    messages: usize,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Went {
    /// Until the last message was posted.
    pub(crate) asking: Duration,
    /// Until 99 of 100 were answered.
    pub(crate) most_answered: Duration,
    /// Until the last answer came, or waiting for it was given up.
    pub(crate) answering: Duration,
    /// Messages without an answer.
    pub(crate) lost: usize,
    /// Messages with more than one.
    pub(crate) twice: usize,
    /// What the twin said that answers no message.
    pub(crate) strange: Vec<String>,
}

impl Crowd {
    /// `askers` people who ask `messages` questions together.
    pub(crate) fn of(company: &Company, askers: usize, messages: usize) -> anyhow::Result<Self> {
        let mut names: HashMap<&str, usize> = HashMap::new();
        for person in &company.people {
            *names.entry(&person.name).or_default() += 1;
        }
        // Of two words, so that what is measured is no question of how names are read.
        let unique = |person: &&Person| {
            names.get(person.name.as_str()) == Some(&1) && person.name.split(' ').count() == 2
        };
        let subjects: Vec<Person> = company.people.iter().filter(unique).cloned().collect();
        let askers: Vec<Person> = company.people.iter().take(askers).cloned().collect();
        let each = messages.div_ceil(askers.len().max(1));
        ensure!(each <= subjects.len(), "too few people to ask {each} questions each about");
        Ok(Self { askers, subjects, messages })
    }

    /// Asks everything, keeping at most [`OPEN`] questions unanswered, and waits for the answers
    /// until there was none for as long as `last`; then looks at what everybody heard.
    pub(crate) async fn ask(&self, company: &Company, last: Duration) -> anyhow::Result<Went> {
        let before = company.control.posted().await?;
        let room = Arc::new(Semaphore::new(OPEN.min(self.messages)));
        let (next, said) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let begun = Stopwatch::start();
        let mut talking = JoinSet::new();
        let questions: Arc<Vec<(String, String)>> =
            Arc::new((0..self.messages).filter_map(|number| self.question(number)).collect());
        for _ in 0..TALKERS {
            let (control, questions) = (company.control.clone(), Arc::clone(&questions));
            let (room, next, said) = (Arc::clone(&room), Arc::clone(&next), Arc::clone(&said));
            talking.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((who, text)) = questions.get(number) else { return anyhow::Ok(()) };
                    room.acquire().await?.forget();
                    control.say(who, TWIN, text).await?;
                    said.fetch_add(1, Ordering::Release);
                }
            });
        }
        let mut asking = None;
        let mut most_answered = None;
        let (mut answered, mut moved) = (0, Stopwatch::start());
        loop {
            tokio::time::sleep(POLL).await;
            while let Some(ended) = talking.try_join_next() {
                ended??;
            }
            if talking.is_empty() && asking.is_none() {
                asking = Some(begun.elapsed());
            }
            let posted = company.control.posted().await?.saturating_sub(before);
            // Read afterwards: too few answers are counted while people talk, and later all.
            let said = said.load(Ordering::Acquire);
            let now = usize::try_from(posted)?.saturating_sub(said).min(said);
            if now > answered {
                room.add_permits(now - answered);
                answered = now;
                moved = Stopwatch::start();
            }
            if answered * 100 >= self.messages * 99 {
                most_answered = most_answered.or(Some(begun.elapsed()));
            }
            let all = asking.is_some() && answered >= self.messages;
            if all || moved.elapsed() > last {
                break;
            }
        }
        talking.abort_all();
        let answering = begun.elapsed();
        // An answer too many would come about now.
        tokio::time::sleep(AFTERWARDS).await;
        let mut went = self.count(company).await?;
        went.asking = asking.context("people could not ask everything")?;
        went.most_answered = most_answered.unwrap_or(answering);
        went.answering = answering;
        Ok(went)
    }

    /// Who asks the question with this number, about whom.
    fn who_and_whom(&self, number: usize) -> Option<(&Person, &Person)> {
        let asker = self.askers.get(number % self.askers.len())?;
        Some((asker, self.subjects.get(number / self.askers.len())?))
    }

    fn question(&self, number: usize) -> Option<(String, String)> {
        let (asker, subject) = self.who_and_whom(number)?;
        Some((asker.upn.clone(), format!("who is {}?", subject.name)))
    }

    /// How often every message was answered.
    async fn count(&self, company: &Company) -> anyhow::Result<Went> {
        let mut went = Went {
            asking: Duration::ZERO,
            most_answered: Duration::ZERO,
            answering: Duration::ZERO,
            lost: 0,
            twice: 0,
            strange: Vec::new(),
        };
        for (number, asker) in self.askers.iter().enumerate() {
            let mut open: HashSet<&str> = (number..self.messages)
                .step_by(self.askers.len())
                .filter_map(|number| self.who_and_whom(number))
                .map(|(_, subject)| subject.upn.as_str())
                .collect();
            let asked = open.clone();
            for (_, content) in company.control.heard(&asker.upn, &company.twin).await? {
                match subject(&content).as_deref() {
                    Some(subject) if open.remove(subject) => {}
                    Some(subject) if asked.contains(subject) => went.twice += 1,
                    Some(_) | None => went.strange.push(content),
                }
            }
            went.lost += open.len();
        }
        Ok(went)
    }
}

/// Whom a card is about: it begins with a name and, in parentheses, a user principal name.
fn subject(content: &str) -> Option<String> {
    let headline = content.strip_prefix("<p><b>")?.split("</b>").next()?;
    Some(headline.rsplit_once('(')?.1.strip_suffix(')')?.replace("&#39;", "'"))
}

/// Questions open at a time; what a busy company might have.
const OPEN: usize = 512;
/// Messages being posted at the same time.
const TALKERS: usize = 4;
const POLL: Duration = Duration::from_millis(100);
const AFTERWARDS: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn a_card_names_its_subject_first() {
        let card =
            "<p><b>Ann Lee (ann@contoso.com)</b></p><p><b>Manager: </b>Bo (bo@contoso.com)</p>";
        assert_eq!(subject(card).as_deref(), Some("ann@contoso.com"));
        let card = "<p><b>O&#39;Brien (o&#39;brien@contoso.com)</b></p>";
        assert_eq!(subject(card).as_deref(), Some("o'brien@contoso.com"));
        assert_eq!(subject("<p>I found two people.</p>"), None);
        assert_eq!(subject("<p><b>Done.</b></p>"), None);
    }
}
