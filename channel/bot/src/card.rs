//! What the twin says, as activities and Adaptive Cards.
//!
//! Cards are built of text runs, in which Teams reads no markdown, and messages of escaped XML. So
//! what a directory, a person or a model wrote is text and nothing else.

use serde_json::{Value, json};
use subtwin_edge::markup;
use subtwin_hear::{Choice, Question};
use subtwin_kernel::{Paragraph, Span, Words};

/// A message.
pub(crate) fn message(words: &Words) -> Value {
    json!({"type": "message", "textFormat": "xml", "text": markup::write(words)})
}

/// That the twin is at work on an answer.
pub(crate) fn typing() -> Value {
    json!({"type": "typing"})
}

/// A question with its buttons. What a press sends back is `prompt`, which means nothing to
/// anybody else, and the name of the choice.
pub(crate) fn question(question: &Question, prompt: &str) -> Value {
    let actions: Vec<Value> = question
        .choices
        .iter()
        .map(|choice| {
            json!({
                "type": "Action.Execute",
                "title": shown(&choice.label),
                "verb": choice.name,
                "data": {"prompt": prompt},
            })
        })
        .collect();
    let mut card = body(&question.words);
    if let Some(card) = card.as_object_mut() {
        card.insert("actions".to_owned(), actions.into());
    }
    attached(&card, &question.words)
}

/// The question once it was answered by a press: the same words, and nothing to press.
pub(crate) fn answered(words: &Words, choice: &Choice) -> Value {
    body(
        &words.clone().fact("Pressed", format!("{}. What comes of it stands below.", choice.label)),
    )
}

/// What a card action is answered with (Universal Actions for Adaptive Cards: the HTTP status stays
/// 200).
pub(crate) fn reply(card: &Value) -> Value {
    json!({"statusCode": 200, "type": CARD, "value": card})
}

/// The same with a short message in the card's place; the card stays as it is.
pub(crate) fn remark(text: &str) -> Value {
    json!({
        "statusCode": 200,
        "type": "application/vnd.microsoft.activity.message",
        "value": text,
    })
}

/// A card action that was not understood, or cannot be taken now.
pub(crate) fn error(status: u16, code: &str, text: &str) -> Value {
    json!({
        "statusCode": status,
        "type": "application/vnd.microsoft.error",
        "value": {"code": code, "message": text},
    })
}

/// Not beside a text: Teams splits the two and names neither.
fn attached(card: &Value, words: &Words) -> Value {
    let summary: String = words.to_text().chars().take(SUMMARY).collect();
    json!({
        "type": "message",
        "summary": shown(&summary),
        "attachments": [{"contentType": CARD, "content": card}],
    })
}

fn body(words: &Words) -> Value {
    let blocks: Vec<Value> = words.paragraphs().iter().flat_map(blocks).collect();
    json!({
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": blocks,
    })
}

/// A block for each line.
fn blocks(paragraph: &Paragraph) -> Vec<Value> {
    let mut lines: Vec<Vec<Value>> = vec![Vec::new()];
    for span in paragraph {
        let (text, style) = match span {
            Span::Plain(text) => (text.as_str(), json!({})),
            Span::Strong(text) => (text.as_str(), json!({"weight": "Bolder"})),
            Span::Talk(text) => (text.as_str(), json!({"italic": true})),
            Span::Secret(secret) => (secret.expose(), json!({"fontType": "Monospace"})),
        };
        let talk = matches!(span, Span::Talk(_));
        for (at, line) in text.split(['\n', '\r']).enumerate() {
            if at > 0 {
                lines.push(Vec::new());
            }
            let line = if talk && at == 0 { format!("» {line}") } else { line.to_owned() };
            let line = shown(&line);
            if line.is_empty() {
                continue;
            }
            let mut run = style.clone();
            if let Some(run) = run.as_object_mut() {
                run.insert("type".to_owned(), "TextRun".into());
                run.insert("text".to_owned(), line.into());
            }
            if let Some(last) = lines.last_mut() {
                last.push(run);
            }
        }
    }
    lines
        .into_iter()
        .filter(|inlines| !inlines.is_empty())
        .map(|inlines| json!({"type": "RichTextBlock", "inlines": inlines}))
        .collect()
}

/// Without what nobody sees or what reorders the text around it.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !markup::is_invisible(*c)).collect()
}

const CARD: &str = "application/vnd.microsoft.card.adaptive";
/// Characters of a card's text in notifications and lists.
const SUMMARY: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: Words) -> Value {
        let choice = |name, label: &str| Choice {
            name,
            label: label.to_owned(),
            says: label.to_lowercase(),
        };
        let choices = vec![choice("yes", "Yes"), choice("no", "No")];
        question(&Question { words, choices }, "5f3a")
    }

    fn card(activity: &Value) -> &Value {
        &activity["attachments"][0]["content"]
    }

    #[test]
    fn a_question_is_a_card_of_text_runs_with_a_button_for_each_choice() {
        let activity = asked(Words::strong("Give Sarah an E3.").fact("Who", "Sarah"));
        assert_eq!(activity["summary"], "Give Sarah an E3.\nWho: Sarah");
        assert_eq!(activity.get("text"), None, "Teams would split the two");
        assert_eq!(
            card(&activity)["body"],
            json!([
                {"type": "RichTextBlock", "inlines": [
                    {"weight": "Bolder", "type": "TextRun", "text": "Give Sarah an E3."}]},
                {"type": "RichTextBlock", "inlines": [
                    {"weight": "Bolder", "type": "TextRun", "text": "Who: "},
                    {"type": "TextRun", "text": "Sarah"}]},
            ])
        );
        assert_eq!(
            card(&activity)["actions"],
            json!([
                {"type": "Action.Execute", "title": "Yes", "verb": "yes", "data": {"prompt": "5f3a"}},
                {"type": "Action.Execute", "title": "No", "verb": "no", "data": {"prompt": "5f3a"}},
            ])
        );
    }

    #[test]
    fn nothing_that_others_wrote_becomes_markup_a_mention_or_a_button() {
        let hostile = "**bold** [Yes](http://evil.example) <at>Doug</at> <b>x</b>\u{202e}\"},{\"type\":\"Action.Execute\"";
        let activity = asked(Words::plain(hostile).talk(hostile));
        let body = card(&activity)["body"].as_array().unwrap();
        for block in body {
            assert_eq!(block["type"], "RichTextBlock");
            for run in block["inlines"].as_array().unwrap() {
                assert_eq!(run["type"], "TextRun");
                assert!(!run["text"].as_str().unwrap().contains('\u{202e}'));
            }
        }
        assert_eq!(card(&activity)["actions"].as_array().unwrap().len(), 2);
        let text = message(&Words::plain(hostile))["text"].as_str().unwrap().to_owned();
        assert!(!text.contains("<at>") && !text.contains("<b>"), "{text}");
        assert_eq!(message(&Words::plain("x")).get("entities"), None);
    }

    #[test]
    fn an_answered_question_says_what_it_said_and_has_no_buttons() {
        let words = Words::strong("Give Sarah an E3.");
        let choice = Choice { name: "yes", label: "Yes".to_owned(), says: "yes".to_owned() };
        let card = answered(&words, &choice);
        assert_eq!(card.get("actions"), None);
        assert_eq!(card["body"][0]["inlines"][0]["text"], "Give Sarah an E3.");
        assert!(card.to_string().contains("What comes of it stands below"), "{card}");
    }
}
