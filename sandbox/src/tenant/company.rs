use uuid::Uuid;

use super::{Apps, Audit, Chats, ConsentPolicy, Groups, Ledger, People, Roles, Skus, Tenant};

/// Builds the sample company.
pub(super) fn build(_seed: u64, _users: usize) -> Tenant {
    Tenant {
        id: Uuid::nil(),
        name: "Contoso".to_owned(),
        domain: "contoso.com".to_owned(),
        people: People::default(),
        groups: Groups::default(),
        skus: Skus::default(),
        roles: Roles::default(),
        apps: Apps {
            applications: Vec::new(),
            principals: Vec::new(),
            grants: Vec::new(),
            role_assignments: Vec::new(),
            consent: ConsentPolicy::Users,
            graph: Uuid::nil(),
        },
        chats: Chats::default(),
        audit: Audit::default(),
        ledger: Ledger::default(),
    }
}
