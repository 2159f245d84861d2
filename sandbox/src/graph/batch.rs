//! `$batch`: up to 20 calls in one request, each judged alone.
