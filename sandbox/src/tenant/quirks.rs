/// Behaviour of the directory that nobody here has seen proven, so that clients can be tried both
/// ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// The default second factor can be deleted only when no other method is left. From memory.
    pub(crate) default_method_last: bool,
    /// Adding a product that is held replaces its `disabledPlans`; otherwise it changes nothing.
    /// From memory.
    pub(crate) readding_replaces_plans: bool,
    /// Some plans cannot be held together (SharePoint for frontline workers and for everybody
    /// else). From memory.
    pub(crate) plans_exclude: bool,
    /// A reset to the password that somebody has now is refused. From memory.
    pub(crate) password_reuse_refused: bool,
    /// After a reset that forces a change, the password grant is refused (50055) until the person
    /// has chosen a password of their own.
    pub(crate) forced_change_stops_sign_in: bool,
    /// Deleting a blueprint or its principal deletes its identities and their users, too. Microsoft's
    /// pages contradict each other.
    pub(crate) blueprint_takes_agents: bool,
    /// How long Teams takes with somebody new after their first licence with Teams, in
    /// milliseconds. Really ten minutes to a day; short here.
    pub(crate) teams_ready_after_ms: u64,
    /// What chat calls answer until then: 403 or 404. From memory.
    pub(crate) teams_not_ready_status: u32,
    /// How long a reset through the method API takes to succeed, in milliseconds.
    pub(crate) reset_takes_ms: u64,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            default_method_last: true,
            readding_replaces_plans: true,
            plans_exclude: false,
            password_reuse_refused: true,
            forced_change_stops_sign_in: false,
            blueprint_takes_agents: true,
            teams_ready_after_ms: 2000,
            teams_not_ready_status: 403,
            reset_takes_ms: 400,
        }
    }
}
