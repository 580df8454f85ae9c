import asyncio, time, os, threading, resource
import pytest
from prefect import flow
from tests.conftest import mongodb_uri
from tests.integration.flows.conftest import *
from tests.integration.flows.test_volunteer_task import double, in_a_thread
from tests.integration.flows.test_run_workflow import SQUARE

def cpu(pid):
    f=open(f"/proc/{pid}/stat").read().rsplit(")",1)[1].split(); return (int(f[11])+int(f[12]))/100
def rss(pid):
    return [int(l.split()[1])//1024 for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS")][0]
def find(word):
    for p in os.listdir("/proc"):
        if p.isdigit():
            try: c=open(f"/proc/{p}/cmdline").read().replace("\0"," ")
            except OSError: continue
            if word in c and open(f"/proc/{p}/stat").read().rsplit(")",1)[1].split()[1]==str(os.getpid()): return int(p)

async def test_figures(stack, worker, volunteer):
    w=find("njangi_flows.worker"); p=find("stack.prefect_server"); a=find("-m api")
    await asyncio.sleep(8)
    c0,p0,a0=cpu(w),cpu(p),cpu(a); await asyncio.sleep(10)
    print("\nIDLE worker cpu%", (cpu(w)-c0)*10, "prefect cpu%", (cpu(p)-p0)*10, "rss", rss(w), rss(p))
    lat=[]
    for _ in range(10):
        t=asyncio.get_running_loop().time()
        run=await stack.submit({"name":"square","python":SQUARE,"split":{"range":3},"aggregate":"sum"})
        while run not in volunteer.first_lease: await asyncio.sleep(0.005)
        lat.append(round(volunteer.first_lease[run]-t,2)); await stack.ended(run)
        await asyncio.sleep(0.37)
    print("SUBMIT->FIRST LEASE", sorted(lat))
    for n,r in ((1,1),(1,30)):
        c0,p0=cpu(w),cpu(p); t=time.time()
        ids=await asyncio.gather(*(stack.submit({"name":"square","python":SQUARE,"split":{"range":n},"aggregate":"sum"}) for _ in range(r)))
        await asyncio.gather(*(stack.ended(i,120) for i in ids)); print("RUNS",r,"wall",round(time.time()-t,1),"worker cpu",cpu(w)-c0,"prefect cpu",cpu(p)-p0,"rss",rss(w))
    c0,p0=cpu(w),cpu(p); t=time.time()
    ids=[]
    for k in range(20):
        ids.append(await stack.submit({"name":"square","python":SQUARE,"split":{"range":50},"aggregate":"sum"}))
    await asyncio.gather(*(stack.ended(i,200) for i in ids))
    await asyncio.sleep(3)
    print("1000 BATCHES (20x50) wall",round(time.time()-t,1),"worker ms/batch",cpu(w)-c0,"prefect",cpu(p)-p0,"rss",rss(w))
    c0,p0=cpu(w),cpu(p); t=time.time()
    i=await stack.submit({"name":"square","python":SQUARE,"split":{"range":10000},"aggregate":"sum"})
    await stack.ended(i,200); print("10000 subtasks wall",round(time.time()-t,1),"worker cpu",cpu(w)-c0,"rss",rss(w))
