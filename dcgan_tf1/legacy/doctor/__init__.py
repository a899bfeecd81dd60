"""A doctor for batch norm: watches a graph and its sessions, and reports what is wrong with the moving statistics.

For your own code:

    from dcgan_tf1.legacy import doctor
    with doctor.watch() as watched:
        train()                      # anything that calls Session.run
    print(watched.report())
"""
from dcgan_tf1.legacy.doctor.doctor import Doctor, Finding, report, watch

__all__ = ['Doctor', 'Finding', 'report', 'watch']
