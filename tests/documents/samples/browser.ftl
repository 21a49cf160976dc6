# This Source Code Form
-brand-name = Firefox
hello = Hello, { $name }! <b>Be</b> well.
    .accesskey = H
    .label = Some label
files =
    { $count ->
        [one] One file
       *[other] { $count } files
    }
mixed = You have { $n ->
        [one] one
       *[other] many
    } here
block =
    First line
    second line with { -brand-name }
