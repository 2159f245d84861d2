use proptest::collection::vec;
use proptest::prelude::*;

use super::filter::Literal;
use super::*;

static PLANT: Schema = Schema {
    name: "plant",
    resource: "Plant",
    properties: &[&[
        Property { name: "displayName", default: true, filter: true, search: true, sort: true },
        Property { name: "mail", default: true, filter: true, search: true, sort: false },
        Property { name: "height", default: true, filter: true, search: false, sort: false },
        Property { name: "green", default: true, filter: true, search: false, sort: false },
        Property { name: "planted", default: true, filter: true, search: false, sort: false },
        Property { name: "kinds", default: true, filter: true, search: false, sort: false },
        Property { name: "licences", default: true, filter: true, search: false, sort: false },
        Property { name: "origin", default: true, filter: true, search: false, sort: false },
        Property { name: "secret", default: false, filter: false, search: false, sort: false },
    ]],
    elsewhere: &["soil"],
    relations: &[],
    contains: true,
};

const SKU: Uuid = uuid::uuid!("05e9a617-0261-4cee-bb44-138d3ef5d965");

struct Plant(&'static str);

impl Row for Plant {
    fn get(&self, property: &str) -> Operand<'_> {
        let text = |text| Operand::text(Some(text));
        match property {
            "displayName" => text(self.0),
            "height" => Operand::Number(12),
            "green" => Operand::Flag(true),
            "planted" => Operand::Time("2026-03-01T12:00:00Z".parse().unwrap()),
            "kinds" => Operand::List(vec![text("Unified"), text("Tall")]),
            "licences" => Operand::List(vec![Operand::Record(vec![
                ("skuId", Operand::Id(SKU)),
                ("disabledPlans", Operand::List(Vec::new())),
            ])]),
            "origin" => Operand::Record(vec![("country", text("Peru"))]),
            _ => Operand::Null,
        }
    }
}

fn meets(filter: &str) -> bool {
    let filter = Filter::parse(filter, &PLANT).unwrap_or_else(|why| panic!("{filter}: {why:?}"));
    evaluate::meets(&filter, &Plant("Élan O'Brien")).unwrap()
}

fn refusal(filter: &str) -> String {
    let parsed = Filter::parse(filter, &PLANT);
    let judged = parsed.and_then(|filter| evaluate::meets(&filter, &Plant("Élan O'Brien")));
    judged.expect_err(filter).message
}

#[test]
fn a_filter_holds_or_does_not() {
    for (filter, expected) in [
        ("displayName eq 'élan o''brien'", true),
        ("DISPLAYNAME eq 'Élan O''Brien'", true),
        ("displayName ne 'x'", true),
        ("displayName eq null", false),
        ("mail eq null", true),
        ("mail ne null", false),
        ("mail eq 'x'", false),
        ("not (mail eq null)", false),
        ("not mail eq null", false),
        ("height gt 11 and height lt 13 and height ge 12 and height le 12", true),
        ("height eq -12", false),
        ("green eq true", true),
        ("green ne true", false),
        ("planted ge 2026-01-01", true),
        ("planted lt 2026-03-01T12:00:00Z", false),
        ("planted le 2026-03-01T13:00:00+01:00", true),
        ("startswith(displayName,'éLAN')", true),
        ("startsWith(displayName, 'x')", false),
        ("startswith(displayName,'x') eq false", true),
        ("endswith(displayName,'brien')", true),
        ("contains(displayName,'o''b')", true),
        ("startswith(mail,'x')", false),
        ("displayName in ('a', 'Élan O''Brien')", true),
        ("displayName in ('a')", false),
        ("kinds/any(k:k eq 'unified')", true),
        ("kinds/any(k:startswith(k,'Ta'))", true),
        ("kinds/any(k:k eq 'short')", false),
        ("kinds/all(k:k ne 'short')", true),
        ("kinds/any()", true),
        ("kinds/$count eq 2", true),
        ("licences/any(x:x/skuId eq 05e9a617-0261-4cee-bb44-138d3ef5d965)", true),
        ("licences/any(x:x/skuId eq 00000000-0000-0000-0000-000000000000)", false),
        ("licences/any(x:x/disabledPlans/$count eq 0)", true),
        ("licences/any(x:x/skuId eq 05e9a617-0261-4cee-bb44-138d3ef5d965 and height eq 12)", true),
        ("origin/country eq 'peru'", true),
        ("origin/planet eq null", true),
        ("green eq false or green eq true and height eq 12", true),
        ("(green eq false or green eq true) and height eq 13", false),
    ] {
        assert_eq!(meets(filter), expected, "{filter}");
    }
}

#[test]
fn what_is_no_filter_is_refused_with_a_reason() {
    for (filter, reason) in [
        ("", "Syntax error at position 0"),
        ("displayName", "Syntax error at position 11"),
        ("displayName eq", "Syntax error at position 14"),
        ("displayName eq 'x", "unterminated string literal at position 17"),
        ("displayName eq 'x' and", "Syntax error"),
        ("displayName eq 'x')", "Syntax error"),
        ("(displayName eq 'x'", "Syntax error"),
        ("displayName is 'x'", "Syntax error"),
        ("displayName eq x", "Syntax error"),
        ("displayName eq 'x' ; drop", "character ';' is not valid at position 19"),
        (
            "colour eq 'x'",
            "Could not find a property named 'colour' on type 'microsoft.graph.plant'",
        ),
        ("x/skuId eq 'x'", "Could not find a property named 'x'"),
        ("secret eq 'x'", "filter clause specified for property 'secret' of resource 'Plant'"),
        ("kinds/any(k:licences/any(l:l/skuId eq k))", "Nested lambda"),
        ("height eq '12'", "incompatible types"),
        ("displayName eq 05e9a617-0261-4cee-bb44-138d3ef5d965", "'Edm.String' and 'Edm.Guid'"),
        ("licences/any(x:x/skuId eq '05e9a617-0261-4cee-bb44-138d3ef5d965')", "incompatible types"),
        ("startswith(height,'1')", "No function signature"),
    ] {
        let message = refusal(filter);
        assert!(message.contains(reason), "{filter}: {message}");
    }
}

#[test]
fn a_range_variable_does_not_outlive_its_lambda() {
    let message = refusal("kinds/any(k:k eq 'Tall') and k eq 'Tall'");
    assert!(message.contains("Could not find a property named 'k'"), "{message}");
}

#[test]
fn the_keys_of_a_filter_are_what_a_match_must_have() {
    let keys = |text: &str| {
        let filter = Filter::parse(text, &PLANT).unwrap();
        filter.keys(&["displayName", "mail"]).map(|keys| {
            keys.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        })
    };
    assert_eq!(
        keys("mail eq 'a' or displayName eq 'b'"),
        Some(vec!["mail=a".to_owned(), "displayName=b".to_owned()])
    );
    assert_eq!(keys("green eq true and mail eq 'a'"), Some(vec!["mail=a".to_owned()]));
    assert_eq!(keys("mail in ('a','b')").map(|keys| keys.len()), Some(2));
    assert_eq!(keys("mail eq 'a' or green eq true"), None);
    assert_eq!(keys("not (mail eq 'a')"), None);
    assert_eq!(keys("mail ne 'a'"), None);
    assert_eq!(keys("mail eq null"), None);
}

#[test]
fn a_search_finds_the_beginnings_of_words() {
    let finds = |search: &str, name| {
        Search::parse(search, &PLANT).unwrap_or_else(|why| panic!("{why:?}")).finds(&Plant(name))
    };
    assert!(finds("\"displayName:lin\"", "Sarah Linn"));
    assert!(finds("\"displayName:linn sar\"", "Sarah Linn"), "in any order");
    assert!(!finds("\"displayName:inn\"", "Sarah Linn"), "not their middles");
    assert!(finds("\"displayName:OneVideo\"", "The video number One"), "capitals split words");
    assert!(finds("\"displayname:x\" OR \"displayName:sarah\"", "Sarah Linn"));
    assert!(!finds("\"displayName:x\" AND \"displayName:sarah\"", "Sarah Linn"));
    assert!(finds("(\"displayName:x\" OR \"displayName:s\") AND \"displayName:l\"", "Sarah Linn"));
    assert!(!finds("\"mail:sarah\"", "Sarah Linn"));
    assert!(finds("\"displayName:a \\\"b\\\" c\"", "A B C"));
}

#[test]
fn what_is_no_search_is_refused() {
    for (search, reason) in [
        ("displayName:x", "character 'd' is not valid at position 0"),
        ("\"displayName:x", "Syntax error"),
        ("\"displayName:x\" \"mail:y\"", "character '\"' is not valid at position 16"),
        ("\"height:1\"", "property 'height'"),
        ("\"displayName\"", "Invalid search clause"),
        ("", "Syntax error"),
        ("(\"mail:x\"", "Syntax error"),
    ] {
        let why = Search::parse(search, &PLANT).expect_err(search);
        assert!(why.status == 400 && why.message.contains(reason), "{search}: {}", why.message);
    }
}

#[test]
fn a_selection_is_spelt_as_in_the_schema() {
    assert_eq!(select::select("MAIL, displayname,mail", &PLANT).unwrap(), ["mail", "displayName"]);
    let why = select::select("colour", &PLANT).unwrap_err();
    assert_eq!((why.status, why.code.as_str()), (400, "BadRequest"));
    assert_eq!(
        why.message,
        "Parsing OData Select and Expand failed: Could not find a property named 'colour' on type \
         'microsoft.graph.plant'."
    );
    assert_eq!(select::select("soil", &PLANT).unwrap_err().status, 501);
}

#[test]
fn hostile_depth_is_refused_and_does_not_overflow() {
    for hostile in ["(".repeat(10_000), "not ".repeat(4000), "not(".repeat(3000)] {
        let message = Filter::parse(&hostile, &PLANT).unwrap_err().message;
        assert!(message.contains("too deeply"), "{message}");
        assert!(Search::parse(&hostile, &PLANT).is_err());
    }
    assert!(Filter::parse(&"a".repeat(1 << 20), &PLANT).unwrap_err().message.contains("too long"));
}

#[test]
fn a_long_chain_is_fine() {
    let chain = vec!["height eq 12"; 500].join(" and ");
    assert!(meets(&chain));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_filter_parser_answers(text in ".{0,80}") {
        let _ = Filter::parse(&text, &PLANT);
        let _ = Search::parse(&text, &PLANT);
        let _ = select::select(&text, &PLANT);
        let _ = Expand::parse(&text, &PLANT);
        let _ = position(&text);
    }

    #[test]
    fn any_sequence_of_words_is_answered(words in vec(prop::sample::select(vec![
        "displayName", "height", "kinds", "licences", "any", "all", "(", ")", "/", ":", ",", "x",
        "eq", "ne", "gt", "in", "and", "or", "not", "'it''s'", "12", "true", "null", "$count",
        "2026-01-01", "05e9a617-0261-4cee-bb44-138d3ef5d965", "startswith", "\"", "AND",
    ]), 0..24)) {
        let text = words.join(" ");
        if let Ok(filter) = Filter::parse(&text, &PLANT) {
            let _ = evaluate::meets(&filter, &Plant("x"));
        }
        let _ = Search::parse(&text, &PLANT);
    }

    #[test]
    fn a_name_in_quotes_is_found_whatever_it_contains(name in "[^\\x00]{1,40}") {
        let filter = format!("displayName eq '{}'", name.replace('\'', "''"));
        let filter = Filter::parse(&filter, &PLANT).unwrap();
        let Filter::Compare(_, _, Literal::Text(read)) = &filter else { panic!("{filter:?}") };
        prop_assert_eq!(read, &name);
    }

    #[test]
    fn a_page_mark_leads_back_to_its_position(at in any::<usize>()) {
        let mark = URL_SAFE_NO_PAD.encode(format!("{MARK}{at}"));
        prop_assert_eq!(position(&mark).unwrap(), at);
    }
}
