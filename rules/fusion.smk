# What pooling operators do whatever the data: no suite has a part in it.
localrules:
    certify_operators,
    operators,


rule certify_operators:
    output:
        table="results/operators/certificates.csv",
        png="results/operators/certificates.png",
        pdf="results/operators/certificates.pdf",
    log:
        "logs/operators/certify_operators.log",
    conda:
        "../envs/analysis.yaml"
    params:
        code=lambda wildcards: code_of("certify_operators.py"),
    shell:
        'python "$SCRIPTS"/certify_operators.py'
        " --table {output.table:q} --figure {output.png:q} > {log:q} 2>&1"


rule operators:
    input:
        rules.certify_operators.output,
