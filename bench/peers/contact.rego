package contact

default verdict := "allow"

verdict := "block" if data.opted_out[input.email]
