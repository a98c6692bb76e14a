# Databricks notebook source
landing = f"/Volumes/{catalog}/raw/landing"
