"""Pages, seals and signatures: rectify, judge, cut out."""
