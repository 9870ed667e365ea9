//! For tests only: deployment builder, hermetic host, misbehaving peers.
