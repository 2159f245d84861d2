//! Whole lines that ask for no tool: greetings, "cancel", "help", "a human, please".

use std::sync::LazyLock;

use super::pattern::Pattern;
use super::token::{Line, Token};

/// What a line is when it is none of the catalog's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Small {
    Cancel,
    Help,
    HandOver,
    Hello,
    Fine,
    Thanks,
    Bye,
    Yes,
    No,
    Undo,
}

static PATTERNS: LazyLock<Vec<(Small, Pattern)>> = LazyLock::new(|| Pattern::table(TABLE));

/// What a whole line is, if it is one of these.
pub(super) fn small(line: &Line, tokens: &[Token]) -> Option<Small> {
    // Longer lines are requests or tales; none of the patterns has more words.
    if tokens.len() > 12 {
        return None;
    }
    let fitting =
        |(what, pattern): &(Small, Pattern)| pattern.find(line, tokens).is_some().then_some(*what);
    PATTERNS.iter().find_map(fitting)
}

pub(super) const TABLE: &[(Small, &[&str])] = &[
    (
        Small::Cancel,
        &[
            "no? wait|oh|sorry? cancel|stop|abort|undo? cancel|stop|abort that|it|this|everything|please|now|all? request|of? it?",
            "no|oh|ok|okay|ah|actually|sorry? actually? never mind that|it|then|about? it|that?",
            "cancel the|my|that|this last? request|action|change|order|question",
            "no|oh|ok|okay|actually? forget|drop|leave|ignore|scratch it|that|this then|now?",
            "forget|never about it|that",
            "forget i asked|said",
            "forget i said anything|that|it",
            "no|oh|wait|actually|please? do not do? it|that|this|anything?",
            "no thanks|thank you?",
            "no thank you",
            "ignore|forget my|the|that last|previous message|request",
            "no|sorry|actually? i? have? changed my mind",
            "actually|oh|wait no",
            "no wait",
            "wait|hold a|on? second|minute|moment|sec?",
            "not any more|longer",
            "not anymore|now|today",
        ],
    ),
    (
        Small::Undo,
        &[
            "no|oh|oops|whoops|sorry|wait|please|actually? undo|revert|reverse it|that|this|the|my? last|latest|previous? one|action|change|thing|step? again|now?",
            "undo|revert|reverse what you just? did|changed",
            "undo|revert|reverse everything|all? you just? did|changed",
            "no|oh|oops|whoops|sorry|wait|please|actually? roll it|that|this|everything? back",
            "no|oh|oops|whoops|sorry|wait|please|actually? take|put|change|turn|set it|that|this|everything|things back",
            "put|change|set|turn it|that|this|everything|things back as|to|like|the? how|what|way? it|that|this|things|everything was|were before?",
            "make it|that like|as? how? it was before",
        ],
    ),
    (
        Small::Help,
        &[
            "help me|us? out|now?",
            "i need help",
            "what can|could you do for? me|us?",
            "what else? can|could i|we ask|tell you? for|to|about? do?",
            "what else? can|could you do|help",
            "what do you do",
            "what are you able to do|for",
            "what are you for",
            "what are your? commands|options|capabilities|skills|tools|abilities|features",
            "how do|does you|this|it work",
            "how can|could you help me|us? with?",
            "what can|could you help me|us? with",
            "can|could you help me|us?",
            "who|what are you",
            "are you a|an? bot|human|robot|real|person|ai|machine",
            "what is this|your name?",
            "commands|menu|options|usage",
            "show|list me? the|your|all? help|commands|options|tools",
            "show|tell me what you can do",
        ],
    ),
    (
        Small::HandOver,
        &[
            "can|could|may|please? i|we|you? want|need|would|have|let? me? like|love|prefer? to? talk|speak|chat|write to|with a|an|the|some|your? real|actual|live? human|person|someone|somebody|agent|operator|it|support|helpdesk|admin|administrator|colleague|people|being|boss|manager being|desk|team|people|department? from|in|at|there|else|instead? it|support|helpdesk?",
            "i|we? want|need|would|prefer|get? me|like? a|an? real|actual|live? human|operator|agent being? please|now?",
            "a|an|any? real|actual? human|agent|operator being? please?",
            "real|actual person",
            "can|could you? get|fetch|bring|find|call me? a|an|some? real|actual? human|person|someone|somebody from? it|support?",
            "hand|pass it|this|that|me|us? over|on to? a|an|the|your? human|person|someone|somebody|it|support|helpdesk|colleague? team|desk?",
            "hand|pass|forward|transfer|put|connect|escalate it|this|that|me|us to|through|with to? a|an|the|your? human|person|someone|somebody|it|support|helpdesk|colleague|admin|agent team|desk?",
            "escalate it|this|that?",
            "human|operator|helpdesk please?",
            "is there a|an? human|someone|real? person? i can talk|speak to",
        ],
    ),
    (
        Small::Hello,
        &[
            "hi|hello|hey|hiya|howdy|yo|greetings|hallo|morning|afternoon|evening there|again|team|all|everyone|twin?",
            "good morning|afternoon|evening|day there|again|team|all|everyone?",
        ],
    ),
    (
        Small::Fine,
        &[
            "hi|hello|hey? how are you doing|today?",
            "hi|hello|hey? how is it going",
            "hi|hello|hey? what is up",
            "are you there|ok|okay|alive|up|online",
        ],
    ),
    (
        Small::Thanks,
        &[
            "ok|okay|great|perfect|cool|nice|no|many|awesome|super|brilliant|lovely? thanks|thx|ty|cheers|tnx a|so|very|for? lot|much|bunch|that|it|help|all|everything?",
            "ok|okay|great|perfect|cool|nice|awesome|super? thank you a|so|very|for? lot|much|bunch|that|it|your? help?",
            "great|perfect|awesome|nice|cool|super|brilliant|lovely|excellent|wonderful|fantastic|amazing job|work|stuff|one?",
            "good|well job|work|done|bot",
            "that is great|perfect|all|it|fine|good for? now?",
            "got it",
            "all good",
        ],
    ),
    (
        Small::Bye,
        &[
            "bye bye?",
            "goodbye",
            "see you later|soon|tomorrow?",
            "good night",
            "have a nice|good|great day|weekend|evening|one",
        ],
    ),
    (
        Small::Yes,
        &[
            "yes|yep|yeah|yup|y|ok|okay|sure|correct|right|confirm|confirmed|approved|approve|proceed|go|agreed|absolutely|definitely|fine please|thing|it|that|ahead|confirmed|sir|sure|course?",
            "yes|ok|okay|sure? please? do|confirm|approve it|that|so|this?",
            "yes|ok|okay|sure? go ahead|for please|it?",
            "i confirm|approve|agree it|that|this?",
            "yes|yeah i confirm|approve|do|am|agree",
            "that is right|correct",
            "sounds|looks good|right|fine",
        ],
    ),
    (Small::No, &["no|nope|nah|n no?", "no way", "absolutely|definitely not"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_small_pattern_can_be_read() {
        assert_eq!(PATTERNS.len(), TABLE.iter().map(|(_, texts)| texts.len()).sum::<usize>());
    }
}
