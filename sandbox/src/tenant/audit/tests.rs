use super::events::{Trace, license_changed, member_added, sessions_revoked};
use super::*;
use crate::graph::desk::Desk;
use crate::tenant::Tenant;
use crate::world::Sandbox;

fn desk() -> Desk {
    Desk::of_dana(&["LicenseAssignment.ReadWrite.All"])
}

fn trace(desk: &Desk) -> Trace {
    Trace::of(&desk.call("POST", "users", serde_json::Value::Null))
}

#[test]
fn the_sign_ins_of_the_sample_company_end_just_before_the_start() {
    let settings = Settings::default();
    let (sandbox, _notifier) = Sandbox::new(settings, Tenant::sample(1, 60));
    let world = sandbox.world();
    let log = &world.tenant.audit.sign_ins;
    let newest = log.iter().map(|sign_in| sign_in.at).max().unwrap();
    let ago = world.now().duration_since(newest);
    assert!((25 * 60..26 * 60).contains(&ago.as_secs()), "{ago}");
    assert!(log.is_sorted_by_key(|sign_in| sign_in.at), "oldest first");
    assert!(log.iter().all(|sign_in| sign_in.visible == sign_in.at));
}

#[test]
fn the_entries_of_one_call_share_a_correlation_that_no_other_call_has() {
    let desk = desk();
    let sarah = desk.user("sarah.lin@contoso.com");
    let (one, other) = (trace(&desk), trace(&desk));
    let mut world = desk.world();
    let before = world.tenant.audit.entries.len();
    license_changed(&mut world, &one, sarah, &[]);
    license_changed(&mut world, &other, sarah, &[]);
    let entries = &world.tenant.audit.entries[before..];
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0].correlation, entries[1].correlation);
    assert_ne!(entries[1].correlation, entries[2].correlation);
    assert!(entries.windows(2).all(|pair| pair[0].at < pair[1].at), "{entries:#?}");
    for entry in entries {
        let parts: Vec<_> = entry.id.split('_').collect();
        assert_eq!(parts[..2], ["Directory", &entry.correlation.to_string()]);
        assert_eq!(parts[2].len(), 5);
        assert!(parts[3].parse::<u64>().is_ok());
    }
}

#[test]
fn a_client_request_id_sent_with_two_calls_does_not_merge_them() {
    let mut desk = desk();
    desk.client_request_id = Some(Uuid::from_u128(99));
    let sarah = desk.user("sarah.lin@contoso.com");
    let trace = trace(&desk);
    let mut world = desk.world();
    license_changed(&mut world, &trace, sarah, &[]);
    license_changed(&mut world, &trace, sarah, &[]);
    let entries = &world.tenant.audit.entries;
    let ids: Vec<_> = entries.iter().rev().take(4).map(|entry| entry.correlation).collect();
    assert_eq!((ids[0], ids[2]), (ids[1], ids[3]));
    assert_ne!(ids[0], ids[2]);
    assert!(!ids.contains(&Uuid::from_u128(99)));
}

#[test]
fn the_correlation_follows_the_client_when_set_so() {
    let mut desk = desk();
    desk.client_request_id = Some(Uuid::from_u128(99));
    desk.world().tenant.audit.correlation_follows_client = true;
    let (sarah, trace) = (desk.user("sarah.lin@contoso.com"), trace(&desk));
    license_changed(&mut desk.world(), &trace, sarah, &[]);
    let world = desk.world();
    assert_eq!(world.tenant.audit.entries.last().unwrap().correlation, Uuid::from_u128(99));
}

#[test]
fn an_entry_stays_invisible_for_the_delay_and_a_fault_switch_overrides_it() {
    let desk = desk();
    desk.world().tenant.audit.delay = Duration::from_secs(120);
    let (sarah, trace) = (desk.user("sarah.lin@contoso.com"), trace(&desk));
    let seen = || {
        let world = desk.world();
        world.tenant.audit.visible(world.now()).count()
    };
    let before = seen();
    license_changed(&mut desk.world(), &trace, sarah, &[]);
    assert_eq!(seen(), before);
    desk.wait(SignedDuration::from_secs(121));
    assert_eq!(seen(), before + 2);
    desk.world().faults.audit_delay_ms = Some(0);
    license_changed(&mut desk.world(), &trace, sarah, &[]);
    assert_eq!(seen(), before + 4);
}

#[test]
fn joining_a_group_names_the_group_on_the_users_target() {
    let desk = desk();
    let (sarah, trace) = (desk.user("sarah.lin@contoso.com"), trace(&desk));
    let mut world = desk.world();
    let (group, name) = {
        let group = world.tenant.groups.iter().next().unwrap();
        (group.id, group.display_name.clone())
    };
    member_added(&mut world, &trace, group, sarah);
    let entry = world.tenant.audit.entries.last().unwrap();
    assert_eq!((entry.activity, entry.operation), ("Add member to group", "Assign"));
    let [user, of_group] = entry.targets.as_slice() else { panic!("{entry:?}") };
    let rows: Vec<_> = user.properties.iter().map(|row| (row.name, row.new.clone())).collect();
    assert_eq!(
        rows,
        [
            ("Group.ObjectID", Some(format!("\"{group}\""))),
            ("Group.DisplayName", Some(format!("\"{name}\""))),
            ("Group.WellKnownObjectName", None),
        ]
    );
    assert_eq!((of_group.kind, of_group.properties.len()), (TargetKind::Group, 0));
}

#[test]
fn ended_sessions_write_a_pair_at_least_a_millisecond_apart() {
    let desk = desk();
    let (sarah, trace) = (desk.user("sarah.lin@contoso.com"), trace(&desk));
    let mut world = desk.world();
    let now = world.now();
    sessions_revoked(&mut world, &trace, sarah, Timestamp::UNIX_EPOCH, now);
    let [.., first, second] = world.tenant.audit.entries.as_slice() else { panic!("no pair") };
    assert_eq!(first.activity, "Update StsRefreshTokenValidFrom Timestamp");
    assert_eq!(second.activity, "Update user");
    assert_eq!(first.correlation, second.correlation);
    assert!(second.at.duration_since(first.at) >= PAIR, "{first:?} {second:?}");
    let row = &first.targets[0].properties[0];
    assert_eq!(row.name, "StsRefreshTokensValidFrom");
    assert_eq!(row.old.as_deref(), Some("[\"1970-01-01T00:00:00Z\"]"));
    let names: Vec<_> = second.targets[0].properties.iter().map(|row| row.name).collect();
    assert_eq!(
        names,
        ["StsRefreshTokensValidFrom", "Included Updated Properties", "TargetId.UserType"]
    );
}

#[test]
fn what_is_set_at_the_start_decides_when_the_logs_are_readable() {
    let settings = Settings {
        audit_delay: Duration::from_secs(600),
        correlation_follows_client: true,
        premium: false,
        ..Settings::default()
    };
    let (sandbox, _) = Sandbox::new(settings, Tenant::sample(1, 60));
    let mut world = sandbox.world();
    let soon = world.now() + SignedDuration::from_secs(590);
    assert!(world.visible_at() > soon);
    assert!(world.tenant.audit.correlation_follows_client && !world.tenant.audit.premium);
    world.faults.audit_delay_ms = Some(1_000);
    assert!(world.visible_at() < soon);
}
