//! People who could be taken for others, in a tenant that has some.

use subtwin_kernel::{Action, Property};

use crate::tenant::Tenant;

async fn revoke(tenant: &Tenant, alias: &str) -> subtwin_kernel::Part {
    tenant.part(&Action::SessionRevoke { person: tenant.person(alias) }).await
}

fn careful(part: &subtwin_kernel::Part) -> Vec<&str> {
    let lines = part.shown.consequences.iter().map(String::as_str);
    lines.filter(|line| line.starts_with("Careful")).collect()
}

#[tokio::test]
async fn a_name_that_looks_like_anothers_must_be_typed_and_the_other_is_named() {
    let tenant = Tenant::new().await;
    for (alias, other) in [
        ("maria.costa", "maria.costa2@contoso.com (Legal)"),
        ("maria.costa2", "maria.costa@contoso.com (Legal)"),
        ("alex.kim", "alex.kim2@contoso.com (Marketing)"),
        ("alex.kim2", "alex.kim@contoso.com (Finance)"),
    ] {
        let part = revoke(&tenant, alias).await;
        assert_eq!(part.type_back.as_deref(), Some(format!("{alias}@contoso.com").as_str()));
        let careful = careful(&part);
        assert!(careful.iter().any(|line| line.contains(other)), "{alias}: {careful:?}");
    }
}

#[tokio::test]
async fn names_that_differ_to_the_eye_are_nobody_elses() {
    let tenant = Tenant::new().await;
    for alias in ["sarah.lin", "ana.silva", "jon.miller", "zoe.mueller", "taro.yamada", "doug"] {
        let part = revoke(&tenant, alias).await;
        assert_eq!((part.type_back.as_deref(), careful(&part)), (None, vec![]), "{alias}");
    }
}

#[tokio::test]
async fn a_name_that_misleads_is_shown_as_what_it_is() {
    let tenant = Tenant::new().await;
    for (alias, part_of) in [
        ("pat.doe", "cannot be seen"),
        ("robert.tables", "like markup"),
        ("maria.costa2", "different scripts"),
        ("hubert.wolfe", "very long"),
    ] {
        let part = revoke(&tenant, alias).await;
        let careful = careful(&part).join(" ");
        assert!(careful.contains(part_of), "{alias}: {careful}");
        assert!(careful.contains(&format!("the name of {alias}@contoso.com")), "{careful}");
        assert!(part.shown.headline.contains(&format!("{alias}@contoso.com")), "{part:?}");
        assert!(!part.shown.headline.contains('\u{202e}'), "{}", part.shown.headline);
    }
}

#[tokio::test]
async fn a_new_name_that_looks_like_anothers_must_be_typed_too() {
    let tenant = Tenant::new().await;
    let rename = |name: &str| Action::UserUpdate {
        person: tenant.person("sarah.lin"),
        set: [(Property::DisplayName, name.to_owned())].into(),
    };
    let part = tenant.part(&rename("Grace T\u{430}n")).await;
    assert_eq!(part.type_back.as_deref(), Some("sarah.lin@contoso.com"));
    assert!(careful(&part)[0].contains("grace.tan@contoso.com"), "{part:?}");
    let part = tenant.part(&rename("Sarah Lindgren")).await;
    assert_eq!(part.type_back, None);
}

#[tokio::test]
async fn two_groups_of_one_name_are_told_apart() {
    use subtwin_understand::Directory as _;
    let tenant = Tenant::new().await;
    let person = tenant.person("sarah.lin");
    let both = tenant.entra.groups("Finance").await.unwrap();
    for group in both.iter().filter(|group| group.display_name == "Finance") {
        let part = tenant.part(&Action::GroupMemberAdd { person, group: group.id }).await;
        let careful = careful(&part).join(" ");
        assert!(careful.contains("there is also a"), "{:?}", part.shown);
        let own = group.mail.clone().unwrap_or_else(|| group.id.to_string());
        assert!(careful.contains("This one is the") && careful.contains(&own), "{careful}");
    }
    let vpn = tenant.group("VPN Users").await;
    let part = tenant.part(&Action::GroupMemberAdd { person, group: vpn }).await;
    assert!(careful(&part).is_empty(), "{:?}", part.shown);
}
