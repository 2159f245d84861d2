//! Subscriptions: create with handshake, renew, reauthorise, delete.
