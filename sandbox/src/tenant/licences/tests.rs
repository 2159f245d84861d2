use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn tenant() -> (Tenant, Vec<Uuid>) {
    let tenant = Tenant::sample(1, 60);
    let users = tenant.people.iter().map(|user| user.id).take(12).collect();
    (tenant, users)
}

#[derive(Clone, Debug)]
enum Step {
    Change { user: usize, add: Vec<(usize, bool)>, remove: Vec<usize> },
    Join { user: usize, group: usize },
    Leave { user: usize, group: usize },
    Reprocess { user: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..12, vec((0usize..5, any::<bool>()), 0..3), vec(0usize..5, 0..2))
            .prop_map(|(user, add, remove)| Step::Change { user, add, remove }),
        1 => (0usize..12, 0usize..20).prop_map(|(user, group)| Step::Join { user, group }),
        1 => (0usize..12, 0usize..20).prop_map(|(user, group)| Step::Leave { user, group }),
        1 => (0usize..12).prop_map(|user| Step::Reprocess { user }),
    ]
}

fn apply(tenant: &mut Tenant, users: &[Uuid], step: &Step) {
    let now = Timestamp::UNIX_EPOCH;
    let licensed: Vec<Uuid> = tenant
        .groups
        .iter()
        .filter(|group| !group.licences.is_empty())
        .map(|group| group.id)
        .collect();
    match step {
        Step::Change { user, add, remove } => {
            let sku = |at: &usize| tenant.skus.0[*at % tenant.skus.0.len()].id;
            let plan = |at: &usize| tenant.skus.0[*at % tenant.skus.0.len()].plans[0].0;
            let add = add
                .iter()
                .map(|(at, off)| (sku(at), if *off { vec![plan(at)] } else { Vec::new() }))
                .collect();
            let wanted = Wanted { add, remove: remove.iter().map(sku).collect() };
            let user = users[*user];
            let before = tenant.people.get(user).unwrap().licences.clone();
            let seats: Vec<u32> = tenant.skus.0.iter().map(|sku| sku.consumed).collect();
            if tenant.change_licences(user, &wanted, now).is_err() {
                assert_eq!(tenant.people.get(user).unwrap().licences, before, "all or nothing");
                let after: Vec<u32> = tenant.skus.0.iter().map(|sku| sku.consumed).collect();
                assert_eq!(after, seats, "all or nothing");
            }
        }
        Step::Join { user, group } | Step::Leave { user, group } => {
            let group = licensed[*group % licensed.len()];
            let members = &mut tenant.groups.get_mut(group).unwrap().members;
            if matches!(step, Step::Join { .. }) {
                members.insert(users[*user]);
            } else {
                members.remove(&users[*user]);
            }
            tenant.recompute_group_licences(users[*user], now);
        }
        Step::Reprocess { user } => {
            tenant.reprocess_licences(users[*user], now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is assigned, removed, inherited or retried: a seat is taken for every holder, and
    /// never one that is not there.
    #[test]
    fn a_product_never_has_more_holders_than_seats_and_counts_them_right(
        steps in vec(step(), 0..40),
    ) {
        let (mut tenant, users) = tenant();
        for step in &steps {
            apply(&mut tenant, &users, step);
            for sku in &tenant.skus.0 {
                prop_assert_eq!(
                    usize::try_from(sku.consumed).unwrap(),
                    tenant.holders(sku.id),
                    "{} after {:?}",
                    sku.part_number,
                    step
                );
                prop_assert!(sku.consumed <= sku.enabled, "{} after {step:?}", sku.part_number);
            }
        }
    }
}

#[test]
fn somebody_who_holds_a_product_directly_and_through_a_group_takes_one_seat() {
    let (mut tenant, _) = tenant();
    let group = tenant.groups.iter().find(|group| !group.licences.is_empty()).unwrap();
    let (member, sku) = (*group.members.iter().next().unwrap(), group.licences[0]);
    tenant.people.get_mut(member).unwrap().usage_location = Some("US".to_owned());
    let before = tenant.skus.get(sku).unwrap().consumed;
    let wanted = Wanted { add: vec![(sku, Vec::new())], remove: Vec::new() };
    let effects = tenant.change_licences(member, &wanted, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(effects, [Effect::LicenceAssigned { user: member, sku }]);
    assert_eq!(tenant.skus.get(sku).unwrap().consumed, before);
    let wanted = Wanted { add: Vec::new(), remove: vec![sku] };
    tenant.change_licences(member, &wanted, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(tenant.skus.get(sku).unwrap().consumed, before);
    let again = tenant.change_licences(member, &wanted, Timestamp::UNIX_EPOCH);
    assert_eq!(again, Err(Unlicensed::Inherited(sku)));
}

#[test]
fn a_suspended_subscription_has_no_seats_to_give() {
    let (mut tenant, _) = tenant();
    let user = tenant.people.find("sarah.lin@contoso.com").unwrap().id;
    let sku = tenant.skus.0.iter_mut().find(|sku| sku.consumed < sku.enabled).unwrap();
    sku.capability_status = "Suspended";
    let sku = sku.id;
    let wanted = Wanted { add: vec![(sku, Vec::new())], remove: Vec::new() };
    let refused = tenant.change_licences(user, &wanted, Timestamp::UNIX_EPOCH);
    assert_eq!(refused, Err(Unlicensed::NoSeat(sku)));
}
