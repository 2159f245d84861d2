//! Making the account, and moving over to it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use jiff::Timestamp;
use subtwin_entra::{ActsAs, Agent, Provisioning, Stage};
use subtwin_hear::{Channel, Handler, Heard};
use subtwin_kernel::{ChatId, Words};
use url::Url;

use super::{Life, what_is_made};
use crate::config;
use crate::provisioner;
use crate::twin::borrowed::{Answers, Gestures, Relay};
use crate::twin::resume::Left;

impl Life {
    /// Makes the account, tells how it goes, and moves over.
    pub(super) async fn make(self: Arc<Self>, provisioning: Provisioning) {
        let Ok(_one) = self.making.try_lock() else { return };
        let now = self.common.base.clock.now();
        if let Err(cause) = self.become_(|was| was.provisioning(now), None).await {
            tracing::error!(%cause, "an account cannot be made now");
            return;
        }
        let (told, mut stages) = tokio::sync::mpsc::unbounded_channel();
        let telling = async {
            while let Some(stage) = stages.recv().await {
                self.tell_progress(stage).await;
            }
        };
        let making = async {
            let tell = move |stage| {
                let _nobody_listens = told.send(stage);
            };
            provisioning.run(&tell).await
        };
        let (made, ()) = tokio::join!(making, telling);
        let ended = match made {
            Ok(made) => self.swap(&made).await.map_err(|cause| format!("{cause:#}")),
            Err(stuck) => {
                tracing::error!(cause = %crate::say::chain(&stuck), "the account was not made");
                Err(stuck.to_string())
            }
        };
        let Err(why) = ended else { return };
        let words = Words::plain(format!("I have no account of my own yet: {why}.")).line(
            "I go on as before. What is made so far is kept, and used when you tell me again.",
        );
        let now = self.common.base.clock.now();
        if let Err(cause) = self.become_(|was| was.not_provisioned(why, now), None).await {
            tracing::error!(%cause, "that it failed could not be kept");
        }
        self.say(&words).await;
    }

    async fn tell_progress(&self, stage: Stage) {
        let all = Stage::ALL.len();
        let at = Stage::ALL.iter().position(|it| *it == stage).map_or(all, |at| at + 1);
        tracing::info!(step = at, of = all, "{}", stage.doing());
        self.say(&Words::plain(format!("{at} of {all}: {}.", stage.doing()))).await;
    }

    /// Says something in the old conversation, with the owner's token, as long as that is right.
    async fn say(&self, words: &Words) {
        if !matches!(self.progress.lock().await.acts_as(), ActsAs::Owner(_)) {
            return;
        }
        let channel = {
            let stations = self.stations.lock().await;
            stations.borrowed.as_ref().map(|station| Arc::clone(&station.desk().channel))
        };
        if let Some(channel) = channel
            && let Err(cause) = channel.post(&self.agent.watch, words).await
        {
            tracing::warn!(%cause, "the owner could not be told");
        }
    }

    /// The swap. Everything is ready before the old conversation pauses; it pauses for as long as it
    /// takes to write down that it happened.
    async fn swap(&self, made: &Agent) -> anyhow::Result<()> {
        let own = self.own(made).await?;
        let voice = own.channel();
        let chat = voice.direct(self.owner).await?;
        let relay = {
            let stations = self.stations.lock().await;
            let station = stations.borrowed.as_ref().context("it is not listening")?;
            Arc::clone(station.relay().context("it does not use its owner's token")?)
        };
        let here = {
            let stations = self.stations.lock().await;
            let station = stations.borrowed.as_ref().context("it is not listening")?;
            Arc::clone(&station.desk().channel)
        };
        let desk = self.answering_from(&own, &here, &chat)?;
        let own = own.open(&self.common, Left::default(), None).await?;
        let swapped = self.hand_over(made, &relay, &here, (&*voice, &chat), desk).await;
        let until = match swapped {
            Ok(until) => until,
            // Two identities must not hear at once.
            Err(cause) => {
                own.leave(&self.common.doors).await;
                return Err(cause);
            }
        };
        self.stations.lock().await.own = Some(own);
        self.leave_at(until);
        Ok(())
    }

    /// Says where it goes on, and lets the new desk answer. Gives until when the old conversation is
    /// still listened to.
    async fn hand_over(
        &self,
        made: &Agent,
        relay: &Relay,
        here: &Arc<dyn Channel>,
        (voice, chat): (&dyn Channel, &ChatId),
        desk: Arc<dyn Handler>,
    ) -> anyhow::Result<Timestamp> {
        voice.post(chat, &greeting(&self.agent)).await?;
        // The last thing it says with its owner's token.
        if let Err(cause) = here.post(&self.agent.watch, &moving(&self.agent)).await {
            tracing::warn!(%cause, "the old conversation could not be told; the new one was");
        }

        let now = self.common.base.clock.now();
        let hears_on = Duration::from_secs(self.agent.hears_on_minutes.saturating_mul(60));
        let until = now.saturating_add(hears_on).unwrap_or(now);
        let (id, there) = (made.id, chat.clone());
        let pause = relay
            .swap(Answers { by: desk, borrowed: false }, async {
                self.become_(|was| was.swapped(id, there, now, until), None).await
            })
            .await?;
        tracing::info!(pause_ms = pause.as_millis(), as_ = %self.agent.upn, "moved over");
        Ok(until)
    }
}

#[async_trait]
impl Gestures for Life {
    async fn promote(&self, heard: &Heard) {
        let _ = heard;
        if self.making.try_lock().is_err() {
            self.say(&Words::plain("It is being made already; I tell you how it goes.")).await;
            return;
        }
        // A yes here would prove nothing: whoever signs in says it.
        self.later(|life| async move { life.promoted_by_sign_in().await });
    }
}

impl Life {
    async fn promoted_by_sign_in(self: Arc<Self>) {
        let (shown, show) = tokio::sync::oneshot::channel::<Url>();
        let telling = async {
            if let Ok(url) = show.await {
                let words = what_is_made(&self.agent)
                    .line("To say yes, open this on the computer I run on, within 15 minutes, and sign in as somebody who may make agents:")
                    .line(url.to_string());
                self.say(&words).await;
            }
        };
        let signing = provisioner::sign_in(&self.config, &self.agent, &self.common.base, |url| {
            let _nobody_waits = shown.send(url.clone());
        });
        let (signed, ()) = tokio::join!(signing, telling);
        match signed {
            Ok(graph) => {
                let provisioning = self.provisioning(graph);
                self.make(provisioning).await;
            }
            Err(cause) => {
                let why = format!("Nothing was made: {cause:#}.");
                self.say(&Words::plain(why)).await;
            }
        }
    }
}

fn greeting(agent: &config::Agent) -> Words {
    Words::plain(format!(
        "It is me, {}, now with an account of my own ({}). We go on here.",
        agent.name, agent.upn
    ))
    .line(
        "In your audit log I appear under this name. What is asked in the old chat I answer here.",
    )
}

fn moving(agent: &config::Agent) -> Words {
    Words::plain(format!(
        "I have an account of my own now: {} ({}). From now on I answer in our own chat, under that \
         name, and say nothing here any more. For {} minutes I still read what you write here.",
        agent.name, agent.upn, agent.hears_on_minutes
    ))
}
