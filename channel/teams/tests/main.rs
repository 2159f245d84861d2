//! The Teams adapter against a Graph that lives in the test.
