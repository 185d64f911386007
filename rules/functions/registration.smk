# What is registered of a study.


def registration_job():
    return job_text(settings=(REGISTERED,))
