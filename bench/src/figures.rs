//! What was measured, against what was aimed at.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing happens")]

use std::time::Duration;

use serde_json::{Value, json};

/// The figures of one measurement.
#[derive(Debug)]
pub(crate) struct Figures {
    of: &'static str,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    aim: Option<Aim>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Figures {
    pub(crate) const fn of(what: &'static str) -> Self {
        Self { of: what, figures: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit, aim: None });
    }

    pub(crate) fn judge(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        aim: Aim,
    ) {
        self.figures.push(Figure { name: name.into(), value, unit, aim: Some(aim) });
    }

    /// Something a reader of the figures should know.
    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Median and 99th percentile; the median against an aim.
    pub(crate) fn spread(&mut self, name: &str, times: &mut [Duration], aim: Option<Aim>) {
        times.sort_unstable();
        self.figures.push(Figure {
            name: format!("{name}, p50"),
            value: millis(percentile(times, 50)),
            unit: "ms",
            aim,
        });
        self.add(format!("{name}, p99"), millis(percentile(times, 99)), "ms");
    }
}

impl Figure {
    fn is_met(&self) -> Option<bool> {
        self.aim.map(|aim| match aim {
            Aim::AtMost(most) => self.value <= most,
            Aim::AtLeast(least) => self.value >= least,
        })
    }

    fn json(&self) -> Value {
        let aim = self.aim.map(|aim| match aim {
            Aim::AtMost(most) => json!({"atMost": most}),
            Aim::AtLeast(least) => json!({"atLeast": least}),
        });
        json!({
            "name": self.name, "value": self.value, "unit": self.unit,
            "aim": aim, "met": self.is_met(),
        })
    }

    fn line(&self) -> String {
        let aim = match (self.aim, self.is_met()) {
            (Some(Aim::AtMost(most)), Some(met)) => format!("   aim ≤ {most}: {}", said(met)),
            (Some(Aim::AtLeast(least)), Some(met)) => format!("   aim ≥ {least}: {}", said(met)),
            (Some(_), None) | (None, _) => String::new(),
        };
        format!("  {:<58} {:>10.1} {:<10}{aim}", self.name, self.value, self.unit)
    }
}

const fn said(met: bool) -> &'static str {
    if met { "met" } else { "NOT met" }
}

/// Prints figures: text as they come, JSON at the end.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    all: Vec<Value>,
}

impl Report {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, all: Vec::new() }
    }

    pub(crate) fn add(&mut self, figures: Figures) {
        if self.json {
            let of: Vec<Value> = figures.figures.iter().map(Figure::json).collect();
            self.all.push(json!({"bench": figures.of, "figures": of, "notes": figures.notes}));
            return;
        }
        println!("{}", figures.of);
        for figure in figures.figures {
            println!("{}", figure.line());
        }
        for note in figures.notes {
            println!("  note: {note}");
        }
    }

    pub(crate) fn end(&self) {
        if self.json {
            println!("{}", Value::from(self.all.clone()));
        }
    }

    pub(crate) fn failed(&self, error: &anyhow::Error) {
        self.end();
        eprintln!("subtwin-bench: {error:#}");
    }
}

/// Of sorted times, the one that so many per hundred do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn an_aim_is_met_at_its_bound_and_not_beyond() {
        let met =
            |value, aim| Figure { name: String::new(), value, unit: "ms", aim: Some(aim) }.is_met();
        assert_eq!(met(10.0, Aim::AtMost(10.0)), Some(true));
        assert_eq!(met(10.1, Aim::AtMost(10.0)), Some(false));
        assert_eq!(met(79.9, Aim::AtLeast(80.0)), Some(false));
    }
}
