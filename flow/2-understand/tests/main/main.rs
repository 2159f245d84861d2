//! What people write, and what the twin makes of it.

mod phrasings;
