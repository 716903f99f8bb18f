"""JSON Schemas of answers: the ready ones, the check of a user's own, and the ways to come by one.

choice          which schema an answer is held to, in a session
ready, ready/   those that come with Pagoda
check           what is wrong with a schema, at which line; its steps, in their order:
                text -> limits -> meta -> refused -> contradictions, enforced; patterns: pattern, ambiguity;
                what the steps look at: tree, types
match           whether an answer matches, and where it does not
place           where in a value a fault is
example         a schema from an example object
pydantic_*      a schema from the source of a Pydantic class (schema), and the other way round (model)
"""
