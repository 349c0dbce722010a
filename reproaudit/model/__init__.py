"""The facts of a result: what was found, what identifies a finding, how sure the runs make us, the
verdict."""
